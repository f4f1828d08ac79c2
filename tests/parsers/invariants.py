"""What must hold of whatever a backend's parser made of a request, whoever sent what."""

import hashlib
import re

from http1 import LAST_TARGET
from stage import BACKEND_KEY

# What belongs to one hop, or is a credential's carrier, whatever its spelling.
NEVER = [
    "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te", "trailer", "http2-settings", "expect",
    "x-api-key", "api-key", "access-token", "sec-websocket-protocol", "forwarded", "x-real-ip", "x-original-url", "x-rewrite-url",
    "x-http-method-override", "x-forwarded-uri", "x-forwarded-user", "x-forwarded-prefix", "remote-user", "x-remote-user",
]
ONCE = ["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"]


def fold(name):
    return re.sub(r"[_.]", "-", name.lower())


def folded(record):
    """The values of each name, spellings put together."""
    values = {}
    for name, value in record["headers"]:
        values.setdefault(fold(name), []).append(value)
    return values


def of_request(record, identity, secrets, nominated=(), channel="header"):
    """What is wrong with one request as the backend saw it."""
    values, wrong = folded(record), []

    def expect(holds, text):
        if not holds:
            wrong.append(f"{text}: {record}")

    # In the path, identity and credential are part of the target that is expected.
    wanted = [identity] if identity and channel == "header" else []
    shown = [f"Bearer {BACKEND_KEY}"] if channel == "header" else []
    expect(values.get("user-id", []) == wanted, f"identity {values.get('user-id', [])}, expected {wanted}")
    expect(values.get("authorization", []) == shown, "the backend's own credential")
    for name in [*NEVER, *(fold(name) for name in nominated)]:
        expect(name not in values, f"{name} reached the backend")
    for name in ONCE:
        expect(len(values.get(name, [])) == 1, f"{name} is there {len(values.get(name, []))} times")
    expect(values.get("x-forwarded-for") == ["127.0.0.1"], "x-forwarded-for")
    expect(values.get("x-forwarded-proto") == ["https"], "x-forwarded-proto")
    expect(values.get("x-forwarded-host") == values.get("host"), "host and x-forwarded-host")
    expect(len(values.get("cookie", [])) <= 1, "cookie lines")
    handshake = values.get("upgrade") == ["websocket"] and values.get("connection") == ["upgrade"]
    expect(handshake or not values.keys() & {"connection", "upgrade"}, "connection or upgrade")
    framing = values.get("content-length", []) + values.get("transfer-encoding", [])
    expect(len(framing) <= 1, f"framed {framing}")
    expect(not record.get("trailers"), "trailers")
    text = " ".join([record["target"], *(value for pair in record["headers"] for value in pair)])
    for name, secret in secrets.items():
        expect(secret not in text, f"{name}'s credential reached the backend")
    return wrong


def of_case(case, heard, records, secrets):
    """What is wrong after a case, its last request included."""
    requests = [record for record in records if "method" in record]
    wrong = [f"the backend complained: {record['error']}" for record in records if "error" in record]
    last = [record for record in requests if record["target"] == LAST_TARGET]
    rest = [record for record in requests if record not in last]
    if heard.said not in case.expected:
        wrong.append(f"heard {heard.said!r}, expected {' or '.join(map(repr, case.expected))}")
    if "left" not in heard.words and len(rest) != heard.accepted:
        wrong.append(f"{len(rest)} requests at the backend, {heard.accepted} answered by it: {rest}")
    if len(rest) > case.at_most:
        wrong.append(f"{len(rest)} requests at the backend, at most {case.at_most} were sent: {rest}")
    if len(last) != heard.words.count("last"):
        wrong.append(f"the last request came {len(last)} times")
    for record in last:
        wrong += of_request(record, "alice", secrets)
    for record in rest:
        wrong += of_request(record, case.identity, secrets, case.nominated, case.channel)
        wrong += as_sent(case, record)
    return wrong


def as_sent(case, record):
    """What is wrong with what the client may say for itself."""
    values, wrong = folded(record), []
    if record["target"] not in case.targets:
        wrong.append(f"target {record['target']!r}, expected {' or '.join(map(repr, case.targets))}")
    if record["length"] != len(case.body) or record["sha256"] not in ("", hashlib.sha256(case.body).hexdigest()):
        wrong.append(f"{record['length']} bytes of body, expected {case.body!r}: {record}")
    for name, wanted in case.arrives.items():
        if values.get(name, []) != wanted:
            wrong.append(f"{name}: {values.get(name, [])}, expected {wanted}")
    return wrong
