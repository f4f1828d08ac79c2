"""The backends of the guides, or what speaks as they do, each started with what its guide has given it.

Each yields its real address for the one that the guide says.
"""

import base64
import contextlib
import http.server
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "clients"
sys.path.insert(0, str(CLIENTS))
from sidecar import PATIENCE, Process, own_environment, token

PROJECT = "cat"  # the folder of a backend's own files, beside doorward's

loader = importlib.machinery.SourceFileLoader("clients", str(CLIENTS / "run"))
clients = importlib.util.module_from_spec(importlib.util.spec_from_loader("clients", loader))
loader.exec_module(clients)


@contextlib.contextmanager
def cheshire_cat_1(folder):
    """The demonstration backend, with pages before it that it does not have."""
    given = variables(folder / "cat.env")
    with Process([clients.example("chat_backend")], folder.parent / "backend.log", env=given) as cat:
        pages = Pages(cat.wait_for("ready "), given)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield {"http://127.0.0.1:1865": pages.origin}
        pages.shutdown()


@contextlib.contextmanager
def generic(folder):
    with Process([clients.example("chat_backend")], folder.parent / "backend.log") as backend:
        yield {"http://127.0.0.1:1865": backend.wait_for("ready ")}


@contextlib.contextmanager
def cheshire_cat_2(folder):
    """The real one. Its project is the folder beside doorward's, where the guide adds to its config.py."""
    cat, project, port = clients.python("cat2", clients.CAT_2, interpreter=clients.python_3_12()), folder.parent / PROJECT, clients.free_port()
    with (project / "config.py").open("a") as config:
        config.write(f'\nURL = "http://localhost:{port}"\nTELEMETRY = False\n')
    start = (
        "from cat.scaffold import scaffolder; scaffolder.setup_project(); import uvicorn;"
        f"uvicorn.run('cat.startup:cheshire_cat_api', host='127.0.0.1', port={port}, ws='none')"
    )
    with Process([cat, "-c", start], folder.parent / "cat.log", cwd=project) as backend:
        backend.wait_for("INFO:     Application startup complete.")
        yield {"http://127.0.0.1:1865": f"http://127.0.0.1:{port}"}


@contextlib.contextmanager
def zep(folder):
    with clients.zep(folder.parent, **variables(folder / "zep.env")) as backend:
        yield {"http://127.0.0.1:8000": backend.wait_for("ready ")}


@contextlib.contextmanager
def zep_ce(folder):
    secret = re.match(r'api_secret: "(\S+)"$', (folder / "zep.yaml").read_text().strip())[1]
    with clients.zep(folder.parent, ZEP_API_SECRET=secret) as backend:
        yield {"http://127.0.0.1:8000": backend.wait_for("ready ")}


OF_GUIDES = {"cheshire-cat-1": cheshire_cat_1, "cheshire-cat-2": cheshire_cat_2, "zep": zep, "zep-ce": zep_ce, "generic": generic, "users": generic}


def unavailable(name):
    """Why the backend of a guide cannot be had here."""
    return "needs python3.12, which is not installed" if name == "cheshire-cat-2" and not clients.python_3_12() else None


def variables(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


class Pages(http.server.ThreadingHTTPServer):
    """The login, the panel, a plugin's endpoint and other people's memories, as the Cat has them; the rest is another's."""

    daemon_threads = True

    def __init__(self, behind, given):
        super().__init__(("127.0.0.1", 0), Page)
        self.origin, self.behind = f"http://127.0.0.1:{self.server_port}", behind
        self.key, self.secret = given["CCAT_API_KEY"], given["CCAT_JWT_SECRET"]
        self.users = {str(uuid.uuid4()): {"username": name, "password": name} for name in ["admin", "user"]}


class Page(http.server.BaseHTTPRequestHandler):
    def do(self):
        if "Upgrade" in self.headers:
            return self.splice()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        match self.command, path.split("/")[1:]:
            case "GET", ["auth", "login"]:
                self.answer(200, b"<form>", "text/html")
            case "POST", ["auth", "login"]:
                self.log_in(urllib.parse.parse_qs(body.decode()))
            case "GET", ["admin", *_]:
                self.panel()
            case "GET", ["core-static" | "custom", *_]:
                self.answer(200, b'{"open":true}')
            case "GET" | "PUT" | "DELETE", ["users", *rest]:
                self.guarded(lambda: self.call_users(rest, body))
            case "GET", ["memory", "collections", _, "points"]:
                self.guarded(lambda: {"points": [{"payload": {"metadata": {"source": "bob"}}}], "next_offset": None})
            case _:
                self.relay(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do

    def answer(self, status, body, content_type="application/json", **headers):
        self.send_response(status)
        for name, value in ({"Content-Type": content_type, "Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def guarded(self, call):
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            return self.answer(403, b'{"detail":{"error":"Invalid Credentials"}}')
        found = call()
        self.answer(404 if found is None else 200, json.dumps(found).encode())

    def call_users(self, path, body):
        users = self.server.users
        if not any(path):
            return [{"id": key, "username": user["username"], "permissions": {}} for key, user in users.items()]
        user = users.pop(path[0], None) if self.command == "DELETE" else users.get(path[0])
        if user and self.command == "PUT":
            user |= json.loads(body)
        return user and {"id": path[0], "username": user["username"], "permissions": {}}

    def log_in(self, form):
        """A cookie for whoever knows a password, and the form once more for others."""
        given = {name: form[name][0] for name in ["username", "password"]}
        for key, user in self.server.users.items():
            if user == given:
                permissions = {"STATIC": ["READ"], "STATUS": ["READ"], "PLUGINS": ["LIST"]}
                cookie = token(self.server.secret, sub=key, username=user["username"], permissions=permissions, exp=int(time.time()) + 86400)
                return self.answer(303, b"", Location=form["referer"][0], Set_Cookie=f"ccat_user_token={cookie}; Path=/; SameSite=lax")
        self.answer(303, b"", Location=f"/auth/login?referer={form['referer'][0]}&retry=1")

    def panel(self):
        cookies = dict(pair.strip().split("=", 1) for pair in self.headers.get("Cookie", "").split(";") if "=" in pair)
        shown = cookies.get("ccat_user_token", "")
        if verified(shown, self.server.secret):
            return self.answer(200, b"<title>Cheshire Cat</title>", "text/html")
        self.answer(307, b'{"detail":"Temporary Redirect"}', Location=f"/auth/login?referer={self.path}")

    def relay(self, body):
        """One request, answered by the backend behind."""
        asked = urllib.request.Request(self.server.behind + self.path, body or None, dict(self.headers.items()), method=self.command)
        try:
            answered = urllib.request.build_opener(Stay).open(asked, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answered = error
        with answered:
            passed = {name: value for name, value in answered.headers.items() if name.lower() in ["location", "allow"]}
            self.answer(answered.status, answered.read(), answered.headers.get("Content-Type", ""), **passed)

    def splice(self):
        """A WebSocket: the bytes of both sides, as they come."""
        there = socket.create_connection(("127.0.0.1", int(self.server.behind.rpartition(":")[2])))
        there.sendall(f"{self.requestline}\r\n".encode() + bytes(self.headers))
        threading.Thread(target=pour, args=[there, self.connection], daemon=True).start()
        pour(self.connection, there)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def pour(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def verified(shown, secret):
    """Whether this is a token of that secret which has not ended."""
    try:
        claims = json.loads(decoded(shown.split(".")[1]))
        return shown == token(secret, **claims) and claims["exp"] > time.time()
    except (IndexError, ValueError, KeyError):
        return False


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
