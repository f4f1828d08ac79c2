"""Targets that two parsers could read in two ways, and doors that look like open ones."""

from cases import h1, h2, raw
from cases.identity import handshake

NO_DOOR = ["/users/?x=/status", "/STATUS", "/status2", "/statu%73x", "/status/x"]
REFUSED = [
    "/status/../case", "/status/..%2fcase", "/status%2f..%2fcase", "//status", "/status;/../case", "/status/;x", "/./case", "/case/.", "/a/../case",
    "/%2e/case", "/%2E%2e/case", "/a/.%2e/case", "/a//b", "//", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a\\b", "/a%00b", "/%zz", "/%", "/%4",
    "/%c0%ae%c0%ae/case", "/%ff", "/%e0%80%af", "/case;x=1",
]
NO_PATH = ["case", "*", "localhost"]
# Not even a target to the parser.
NO_TARGET = ["?x", "/\u00e9", "/a<b>", "/a\x7f", "/a\x01b", "/a b", "/a\tb", " /a", ""]
CAT_DENIED = ["/docs", "/openapi.json", "/unknown", "/auth/token", "/custom/x"]


CASES = [
    h1("path", "the open door", "", "200 last", target="/status", credential="", identity=None),
    h1("path", "the open door, and a name", "user_id: evil\r\nUser-Id: evil\r\n", "200 last", target="/status", credential="", identity=None),
    h2("path", "the open door, and a name", [("user_id", "evil"), ("user-id", "evil")], "200 last", target="/status", credential=(), identity=None),
    *[h1("path", f"no open door: {target}", "", "401 last", target=target, credential="") for target in NO_DOOR],
    *[h2("path", f"no open door: {target}", [], "401 last", target=target, credential=()) for target in NO_DOOR],
    *[h1("path", f"{name} opens nothing", f"{name}: /status\r\n", "401 last", credential="") for name in
      ["X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Envoy-Original-Path", "X-Forwarded-Path", "X-Original-Uri"]],
    *[h1("path", f"{target}", "", "400 last", target=target) for target in REFUSED],
    *[h2("path", f"{target}", [], "400 last", target=target) for target in REFUSED],
    *[h1("path", f"{target} without a credential", "", ("400 last", "401 last"), target=target, credential="") for target in REFUSED],
    *[handshake("path", f"alice asks for {target}", target, "200 last", credential="X-API-Key: {cat-alice}\r\n", profile="cat", channel="path",
                targets=("/ws/alice?token=backend-key-http-0123456789", "/%77s/alice?token=backend-key-http-0123456789"))
      for target in ["/ws/bob", "/ws", "/ws/", "/ws/bob/", "/ws/b%6fb", "/%77s/bob", "/ws/alice", "/ws/b%20b"]],
    *[handshake("path", f"alice asks for {target}", target, ("400 last", "403 last"), credential="X-API-Key: {cat-alice}\r\n", profile="cat")
      for target in ["/ws%2Fbob", "/ws/%2e%2e", "/ws/bob/x", "//ws/bob", "/x/../ws/bob", "/ws/bob%00", "/ws/bob%2f", "/WS/bob"]],
    *[h1("path", f"{method} {target}", "", "403 last", method=method, target=target, credential="X-API-Key: {cat-alice}\r\n", profile="cat")
      for target in CAT_DENIED for method in ["GET", "HEAD", "OPTIONS", "PATCH", "get"]],
    *[h1("framing", f"target {target!r}", "", "400 last", target=target) for target in NO_PATH],
    *[h1("framing", f"target {target!r}", "", "400 end", target=target) for target in NO_TARGET],
    h1("framing", "a fragment", "", ("400 last", "200 last"), target="/case#f", targets=("/case",)),
    h2("framing", "a fragment", [], ("400 last", "200 last"), target="/case#f", targets=("/case",)),
    *[h1("framing", f"{method}", "", "405 last", method=method) for method in ["CONNECT", "TRACE"]],
    raw("framing", "CONNECT to a host", "CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\nX-API-Key: {alice}\r\n\r\n", "405 last"),
    raw("framing", "CONNECT, and a request inside", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\nX-API-Key: {alice}\r\n\r\n"
        "GET /inside HTTP/1.1\r\nHost: localhost\r\n\r\n", "405 401 last"),
    h2("framing", "TRACE", [], "405 last", method="TRACE"),
    h2("framing", "CONNECT", [], "405 last", start=[(":method", "CONNECT"), (":authority", "evil:443")]),
    *[h2("framing", f"target {target!r}", [], ("400 last", "RST:PROTOCOL_ERROR last", "GOAWAY:PROTOCOL_ERROR"), target=target)
      for target in [*NO_PATH, *NO_TARGET]],
    *[h1("framing", f"method {method!r}", "", "400 end", method=method) for method in ["G(T", "GET\t", ""]],
    *[raw("framing", f"version {version!r}", f"GET /case {version}\r\nHost: localhost\r\nX-API-Key: {{alice}}\r\n\r\n", ("400 end", "505 end"))
      for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1", "HTTP/1.1x", "HTTX/1.1", "HTTP/11"]],
    raw("framing", "no version", "GET /case\r\n\r\n", ("400 end", "end")),
]
