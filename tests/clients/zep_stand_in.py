#!/usr/bin/env python3
"""A backend that speaks on the wire as Zep 0.27 (/api/v1) and Zep Community Edition 1.0 (/api/v2) do.

Their servers are on no package registry. It keeps its data in memory, is born with the users u1 and u2 and a session
of each, and prints two addresses: `ready`, its own, and `seen`, which tells the heads that it received.

  ZEP_AUTH_REQUIRED=true ZEP_AUTH_SECRET=…   what /api/v1 wants tokens signed with
  ZEP_API_SECRET=…                           what /api/v2 wants to be shown
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import threading
import time
import urllib.parse
import uuid

VERSION = "0.27.2-x"
REQUIRED = os.environ.get("ZEP_AUTH_REQUIRED") == "true"
SECRET = os.environ.get("ZEP_AUTH_SECRET", "").encode()
API_SECRET = os.environ.get("ZEP_API_SECRET", "")
LONGEST = 900  # seconds, then it ends whoever started it


def main():
    zep = Server(Zep)
    zep.store, zep.heads = Store(), []
    side_door = Server(SideDoor)
    side_door.heads = zep.heads
    threading.Thread(target=side_door.serve_forever, daemon=True).start()
    print(f"seen {side_door.origin}", flush=True)
    print(f"ready {zep.origin}", flush=True)
    forgotten = threading.Timer(LONGEST, os._exit, [1])
    forgotten.daemon = True
    forgotten.start()
    zep.serve_forever()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    extra_headers = {}

    def answer(self, status, body, content_type="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": content_type, "Content-Length": len(body)} | self.extra_headers | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def text(self, status, line):
        """As Go's http.Error writes it."""
        self.answer(status, f"{line}\n".encode(), "text/plain; charset=utf-8")

    def log_message(self, *_):
        pass


class SideDoor(Handler):
    def do_GET(self):
        self.answer(200, list(self.server.heads))


class Zep(Handler):
    extra_headers = {"X-Zep-Version": VERSION}

    def do(self):
        self.server.heads.append({"method": self.command, "target": self.path, "headers": self.headers.items()})
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return self.text(411, "a length is required")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        path = urllib.parse.unquote(path)
        if path.lower() == "/healthz" and self.command in ["GET", "HEAD"]:
            return self.answer(200, b".", "text/plain")
        if path.startswith(("/admin", "/static/")):
            return self.answer(200, b"<title>Zep</title>", "text/html; charset=utf-8")
        if path.startswith("/api/v1/"):
            api = 1
            refusal = self.token_refusal() if REQUIRED else None
        elif path.startswith("/api/v2/"):
            api = 2
            refusal = self.api_key_refusal()
        else:
            return self.text(404, "404 page not found")
        if refusal:
            return self.text(401, refusal)
        segments = path.split("/")[3:]
        # A session that ends with `-moved` is found elsewhere: Zep's routers redirect to absolute addresses of their own.
        if self.command == "GET" and segments[0] == "sessions" and path.endswith("-moved"):
            there = self.server.origin + path.removesuffix("-moved")
            return self.answer(307, b"", "text/plain", Location=there)
        try:
            query, body = urllib.parse.parse_qs(query), json.loads(body or b"null")
            with self.server.store.lock:
                found = self.server.store.call(api, self.command, segments, query, body)
        except (KeyError, ValueError, TypeError, AttributeError):
            return self.api_error(api, 400, "bad request")
        if found is NotImplemented:
            return self.api_error(api, 404, "not found")
        if found is None:
            return self.answer(200, b"OK", "text/plain") if api == 1 else self.answer(200, {"message": "OK"})
        self.answer(201 if self.command == "POST" and segments[-1] in ["user", "users", "sessions"] else 200, found)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def api_error(self, api, status, message):
        return self.text(status, message) if api == 1 else self.answer(status, {"message": message})

    def token_refusal(self):
        """What is wrong with the token that Zep 0.x would look at; nothing when it is fine."""
        authorization = self.headers.get("Authorization", "")
        token = authorization[7:] if len(authorization) > 7 and authorization[:6].lower() == "bearer" else self.cookie("jwt")
        if not token:
            return "no token found"
        claims = verified(token)
        if claims is None:
            return "token is unauthorized"
        now = time.time()
        if now >= claims.get("exp", now + 1):
            return "token is expired"
        if now < claims.get("iat", now):
            return "token iat validation failed"
        if now < claims.get("nbf", now):
            return "token nbf validation failed"
        return None

    def cookie(self, wanted):
        for line in self.headers.get_all("Cookie", []):
            for pair in line.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == wanted:
                    return value
        return ""

    def api_key_refusal(self):
        parts = self.headers.get("Authorization", "").split(" ")
        known = API_SECRET and len(parts) == 2 and parts[0] == "Api-Key" and parts[1] == API_SECRET
        return None if known else "unauthorized"


def verified(token):
    """The claims of an HS256 token signed with the bytes of the secret as they are."""
    try:
        signed, signature = token.rsplit(".", 1)
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        known = hmac.compare_digest(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest(), decoded(signature))
        return claims if known and header["alg"] == "HS256" and isinstance(claims, dict) else None
    except (ValueError, KeyError, TypeError):
        return None


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Store:
    """Users, sessions and collections. A call returns what the API answers, or nothing where it only says OK."""

    def __init__(self):
        self.lock = threading.Lock()
        self.users, self.sessions, self.collections = {}, {}, {}
        for user in ["u1", "u2"]:
            self.users[user] = new(self.users, user_id=user)
            self.session(f"{user}.first", user_id=user)

    def session(self, session_id, **fields):
        return self.sessions.setdefault(session_id, new(self.sessions, session_id=session_id, **fields) | {"messages": []})

    def call(self, api, method, path, query, body):
        limit = int(query.get("limit", query.get("lastn", [0]))[0])
        match method, path:
            case "GET", ["user"]:
                return list(self.users.values())[: limit or None]
            case "GET", ["users-ordered"]:
                return page("users", self.users.values())
            case "POST", ["user" | "users"]:
                return self.users.setdefault(body["user_id"], new(self.users, **body))
            case _, ["user" | "users", user] | ["user" | "users", user, "sessions"] if user not in self.users:
                return NotImplemented
            case "GET", ["user" | "users", user]:
                return self.users[user]
            case "PATCH", ["user" | "users", user]:
                return update(self.users[user], body)
            case "DELETE", ["user" | "users", user]:
                del self.users[user]
                return None
            case "GET", ["user" | "users", user, "sessions"]:
                found = [shown(session) for session in self.sessions.values() if session.get("user_id") == user]
                return found if api == 1 else [found]  # its clients of the Community Edition read a list of lists
            case _, ["sessions" | "sessions-ordered", *rest]:
                return self.call_sessions(api, method, rest, limit, body)
            case _, ["collection", *rest] if api == 1:
                return self.call_collections(method, rest, limit, body)
        return NotImplemented

    def call_sessions(self, api, method, path, limit, body):
        match method, path:
            case "GET", []:
                sessions = [shown(session) for session in self.sessions.values()]
                return sessions[: limit or None] if api == 1 else page("sessions", sessions)
            case "POST", []:
                return shown(self.session(**body))
            case "POST", ["search"] if api == 2:
                found = [session for session in self.sessions.values() if session.get("user_id") == body.get("user_id")]
                return {"results": [hit for session in found for hit in search(session, body, limit)]}
            # Memory makes its session in 0.x.
            case "POST", [session, "memory"] if api == 1:
                self.session(session)
        if not path or path[0] not in self.sessions:
            return NotImplemented
        session = self.sessions[path[0]]
        messages = session["messages"]
        match method, path[1:]:
            case "GET", []:
                return shown(session)
            case "PATCH", []:
                return shown(update(session, body))
            case "GET", ["memory"]:
                return {"messages": messages[-limit:] if limit else messages, "metadata": {}}
            case "POST", ["memory"]:
                messages += [new(messages, token_count=0, **message) for message in body["messages"]]
                return None
            case "DELETE", ["memory"]:
                messages.clear()
                return None
            case "POST", ["search"]:
                return search(session, body, limit)
            case "GET", ["messages"]:
                return page("messages", messages)
            case "GET" | "PATCH", ["messages", message_id]:
                found = [message for message in messages if message["uuid"] == message_id]
                return update(found[0], body or {}) if found else NotImplemented
        return NotImplemented

    def call_collections(self, method, path, limit, body):
        match method, path:
            case "GET", []:
                return [described(collection) for collection in self.collections.values()]
            case "POST", [name]:
                self.collections[name] = {"uuid": str(uuid.uuid4()), "created_at": now(), "documents": {}} | body
                return None
        if not path or path[0] not in self.collections:
            return NotImplemented
        collection = self.collections[path[0]]
        documents = collection["documents"]
        match method, path[1:]:
            case "GET", []:
                return described(collection)
            case "PATCH", []:
                update(collection, body)
                return None
            case "DELETE", []:
                del self.collections[path[0]]
                return None
            case "POST", ["document"]:
                made = {str(uuid.uuid4()): document for document in body}
                documents.update({key: document | {"uuid": key, "created_at": now()} for key, document in made.items()})
                return list(made)
            case "POST", ["document", "list", "get"]:
                return [documents[key] for key in body["uuids"] if key in documents]
            case "GET", ["document", "uuid", key] if key in documents:
                return documents[key]
            case "DELETE", ["document", "uuid", key] if key in documents:
                del documents[key]
                return None
            case "POST", ["search"]:
                found = [document | {"score": 1.0} for document in documents.values() if body["text"] in document["content"]]
                return {"results": found[: limit or None], "query_vector": [0.0]}
        return NotImplemented


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new(others, **fields):
    return {"uuid": str(uuid.uuid4()), "id": len(others) + 1, "created_at": now()} | fields


def update(record, fields):
    record.update({name: value for name, value in fields.items() if name != "uuid"})
    return record


def shown(session):
    return {name: value for name, value in session.items() if name != "messages"}


def described(collection):
    count = len(collection["documents"])
    known = {name: value for name, value in collection.items() if name != "documents"}
    return known | {"document_count": count, "document_embedded_count": count}


def page(name, records):
    records = list(records)
    return {name: records, "total_count": len(records), "row_count": len(records), "response_count": len(records)}


def search(session, body, limit):
    found = [message for message in session["messages"] if body["text"] in message["content"]]
    about = {"session_id": session["session_id"], "dist": 0.9, "score": 0.9}
    return [about | {"message": message} for message in found][: limit or None]


if __name__ == "__main__":
    main()
