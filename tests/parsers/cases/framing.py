"""One request in, at most one out: lengths, codings, chunks, lines, hosts."""

from cases import h1, raw
from cases.identity import handshake

HIDDEN = "GET /hidden HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {alice}\r\n\r\n"
# No credential in it: its length must be known here.
SMUGGLED = "GET /hidden HTTP/1.1\r\nHost: localhost\r\nX: "
CODINGS = ["gzip, chunked", "chunked, chunked", ",chunked", "chunked,", "identity", "xchunked", "chunkedx", "chunked, identity", '"chunked"', "chunked;q=1",
           "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity", "gzip\r\nTransfer-Encoding: chunked", "", "chunked\x0b",
           "\x0cchunked", "\x0bchunked", "chunked\x00", "\\chunked", "chun ked"]
LENGTHS = ["+3", "0x3", "3_", "", "-1", "18446744073709551616", "99999999999999999999999", "3, 4", "3 3", "3;", "three", "\u00b3", "3.0", "3\x0b", "3,"]
CHUNKS = ["0x3\r\nabc\r\n", "+3\r\nabc\r\n", "3_\r\nabc\r\n", "\r\nabc\r\n", "11111111111111111\r\nabc", "3\nabc\n", "3;a\rb\r\nabc\r\n", "3\r\nabcd\r\n",
          "g\r\nabc\r\n", "-1\r\nabc\r\n", "3\r\nabc0\r\n\r\n", "3;a\nb\r\nabc\r\n", "5\r\nabc\r\n", "3\r\nabc\n", "3\r\n\nabc\r\n", " 3\r\nabc\r\n",
          "3\r\nabcX\r\n", ";\r\nabc\r\n"]
LINES = ["X-A : 1", ": 1", "X-A", "X-A: 1\r\n folded", "X-A: 1\r\n\tfolded", "X-A: a\0b", "X-A: a\rb", "X(A): 1", " X-A: 1", "\tX-A: 1", "X-A\x01: 1",
         "X-\u00e4: 1", "X-A\t: 1",
         "Content-Length : 3", "Transfer-Encoding : chunked", "Transfer-Encoding\x0b: chunked", "X-A: \x7f", "user_id\0: evil", "user id: evil",
         "X: y\r\r\nuser_id: evil"]
HOSTS = ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nHost: evil\r\n", "Host: localhost, evil\r\n", "Host: user@localhost\r\n",
         "Host: localhost@evil\r\n", "Host: localhost/x\r\n", "Host: \r\n", "Host: localhost:x\r\n", "Host: localhost#\r\n", "Host: local host\r\n",
         "Host: localhost?\r\n",
         "Host: localhost:443:1\r\n", "Host: http://localhost\r\n"]


def post(id, name, lines, rest, expected, **more):
    return h1(id, name, lines, expected, method="POST", rest=rest, **more)


def at_host(id, name, hosts, expected, target="/case", **more):
    return raw(id, name, f"GET {target} HTTP/1.1\r\n{hosts}X-API-Key: {{alice}}\r\n\r\n", expected, **more)


CASES = [
    *[post("framing", f"a length and chunks, {order}", lines, "0\r\n\r\n" + HIDDEN, ("400 end", "200 end")) for order, lines in
      [("length first", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), ("length last", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n")]],
    *[h1("framing", f"{method} with a length", f"Content-Length: {len(SMUGGLED)}\r\n", "200 last", method=method, rest=SMUGGLED,
         body=SMUGGLED.encode())
      for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"]],
    *[h1("framing", f"{method} with chunks", "Transfer-Encoding: chunked\r\n", "200 last", method=method,
        rest=f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n", body=SMUGGLED.encode())
      for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"]],
    *[post("framing", f"coding {coding!r}", f"Transfer-Encoding: {coding}\r\n", "2\r\nhi\r\n0\r\n\r\n", "400 end") for coding in CODINGS],
    *[post("framing", f"coding {coding!r} without a credential", f"Transfer-Encoding: {coding}\r\n", "2\r\nhi\r\n0\r\n\r\n", ("400 end", "401 end"), credential="")
      for coding in CODINGS],
    *[raw("framing", f"coding {coding!r} without a host", f"POST /case HTTP/1.1\r\nX-API-Key: {{alice}}\r\nTransfer-Encoding: {coding}\r\n\r\n"
          "2\r\nhi\r\n0\r\n\r\n", "400 end")
      for coding in CODINGS],
    # The end of the connection is for the coding, not for what is left of a body.
    *[post("framing", f"coding {coding!r}, nothing in it", f"Transfer-Encoding: {coding}\r\n", "0\r\n\r\n", "400 end") for coding in CODINGS],
    post("framing", "coding in another case", "transfer-ENCODING: cHuNkEd\r\n", "2\r\nhi\r\n0\r\n\r\n", "200 last", body=b"hi"),
    post("framing", "coding among blanks", "Transfer-Encoding: \t chunked \t\r\n", "2\r\nhi\r\n0\r\n\r\n", "200 last", body=b"hi"),
    raw("framing", "chunks in HTTP/1.0", "POST /case HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {alice}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "400 end"),
    *[post("framing", f"length {length!r}", f"Content-Length: {length}\r\n", "abc", "400 end") for length in LENGTHS],
    post("framing", "two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd", "400 end"),
    post("framing", "two lengths, one of them empty", "Content-Length: 3\r\nContent-Length: \r\n", "abc", "400 end"),
    post("framing", "length 003", "Content-Length: 003\r\n", "abc", ("400 end", "200 last"), body=b"abc"),
    post("framing", "the same length twice", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc", ("400 end", "200 last"), body=b"abc"),
    post("framing", "more than its length", "Content-Length: 3\r\n", "abcGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n", "200 401 last", body=b"abc"),
    post("framing", "less than its length, and gone", "Content-Length: 100\r\n", "abc", "left", leaves=True, at_most=0),
    post("framing", "half a head, and gone", "X: " + "y" * 50, "", "left", leaves=True, at_most=1),
    *[post("framing", f"chunk {chunk!r}", "Transfer-Encoding: chunked\r\n", f"{chunk}0\r\n\r\n", "400 end") for chunk in CHUNKS],
    post("framing", "chunks cut short, and gone", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", "left", leaves=True, at_most=0),
    post("framing", "a chunk cut short, and gone", "Transfer-Encoding: chunked\r\n", "ff\r\nabc", "left", leaves=True, at_most=0),
    post("framing", "no last empty line, and gone", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n", "left", leaves=True, at_most=0),
    post("framing", "an extension", "Transfer-Encoding: chunked\r\n", '3;a=b;c="d"\r\nabc\r\n0;x\r\n\r\n', "200 last", body=b"abc"),
    post("framing", "zeros before the size", "Transfer-Encoding: chunked\r\n", "0000003\r\nabc\r\n000\r\n\r\n", "200 last", body=b"abc"),
    post("framing", "a request behind chunks", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\nGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "200 401 last", body=b"abc"),
    *[post("framing", f"line {line!r}", f"{line}\r\n", "", "400 end") for line in LINES],
    raw("framing", "bare line feeds", "GET /case HTTP/1.1\nHost: localhost\nX-API-Key: {alice}\n\n", ("400 end", "200 last")),
    raw("framing", "one bare line feed", "GET /case HTTP/1.1\r\nHost: localhost\r\nX-A: b\nuser_id: evil\r\nX-API-Key: {alice}\r\n\r\n", ("400 end", "200 last")),
    raw("framing", "empty lines before", "\r\n\r\nGET /case HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {alice}\r\n\r\n", ("400 end", "200 last")),
    *[h1("framing", f"{name}: {value}", f"{name}: {value}\r\n", "200 last") for name, value in
      [("Transfer_Encoding", "chunked"), ("Content_Length", "5"), ("X_Forwarded_For", "6.6.6.6"), ("Transfer.Encoding", "chunked"), ("CONTENT_LENGTH", "5")]],
    post("framing", "a length, and one of another spelling", "Content-Length: 3\r\nContent_Length: 99\r\nTransfer_Encoding: chunked\r\n", "abc",
        "200 last", body=b"abc"),
    h1("framing", "a name that begins as the length's and overflows", f"Content-Length0{'a' * 270}: 0\r\n", "200 last"),
    h1("framing", "bytes above 7F in a value", "X-Own: caf\u00e9\r\n", "200 last", arrives={"x-own": ["caf\u00e9"]}),
    h1("framing", "another's own name with _", "x_y: 1\r\n", "200 last", arrives={"x-y": ["1"]}),
    *[at_host("framing", f"hosts {hosts!r}", hosts, "400 last") for hosts in HOSTS],
    *[at_host("framing", f"hosts {hosts!r}", hosts, "421 last") for hosts in ["Host: evil\r\n", "Host: localhost.evil\r\n", "Host: evil.localhost\r\n"]],
    at_host("framing", "another host in the target", "Host: localhost\r\n", ("400 last", "421 last"), target="http://evil/case"),
    at_host("framing", "another host in the line", "Host: evil\r\n", ("400 last", "421 last"), target="https://localhost/case"),
    at_host("framing", "the same host in both", "Host: localhost\r\n", "200 last", target="https://localhost/case?b", targets=("/case?b",)),
    at_host("framing", "a user in the target", "Host: localhost\r\n", "400 last", target="https://user@localhost/case"),
    raw("framing", "HTTP/1.0 without a host", "GET /case HTTP/1.0\r\nX-API-Key: {alice}\r\n\r\n", ("400 end",)),
    post("framing", "Expect with a body", "Expect: 100-continue\r\nContent-Length: 2\r\n", "hi", ("100 200 last", "200 last"), body=b"hi"),
    h1("framing", "Expect without a body", "Expect: 100-continue\r\n", "200 last"),
    *[post("framing", f"Expect: {expectation}", f"Expect: {expectation}\r\nContent-Length: 2\r\n", "hi", ("417 end", "417 last"))
      for expectation in ["y", "y, 100-continue", "100-continue, y", "200-ok", "100-continue\r\nExpect: y"]],
    post("framing", "Expect without a credential", "Expect: 100-continue\r\nContent-Length: 44\r\n", "", ("401 end", "401 last"), credential=""),
    post("framing", "a refused body that is a request", f"Content-Length: {len(SMUGGLED)}\r\n", SMUGGLED, ("401 end", "401 last"), credential=""),
]

UPGRADE = "Connection: Upgrade\r\nUpgrade: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
BEHIND = "GET /two HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADES = [
    *[handshake("websocket", f"the backend answers {status} to a handshake", f"/case?answer={status}", f"{status} 401 last",
        credential="X-API-Key: {alice}\r\n", rest=BEHIND)
      for status in [200, 403, 500]],
    *[h1("websocket", f"Upgrade: {protocol}", f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n", "200 last") for protocol in ["foo", "TLS/1.0", "h2c", "HTTP/2.0"]],
    h1("websocket", "h2c with its settings", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "200 last"),
    *[h1("websocket", f"a list: {protocols}", UPGRADE.format(protocols), ("400 last", "400 end")) for protocols in ["websocket, h2c", "h2c, websocket"]],
    h1("websocket", "a handshake with a length", UPGRADE.format("websocket") + "Content-Length: 2\r\n", ("400 end", "400 last"), rest="hi"),
    h1("websocket", "a handshake with chunks", UPGRADE.format("websocket") + "Transfer-Encoding: chunked\r\n", ("400 end", "400 last"), rest="2\r\nhi\r\n0\r\n\r\n"),
    h1("websocket", "a handshake by POST", UPGRADE.format("websocket"), "400 last", method="POST"),
    h1("websocket", "a handshake and a request behind it", UPGRADE.format("websocket"), "200 401 last", rest=BEHIND),
]
SIZES = [
    h1("http2", "a field of 40 KiB", f"X-Own: {'x' * 40_000}\r\n", "431 end"),
    h1("http2", "101 fields", "".join(f"X-{number}: 1\r\n" for number in range(101)), ("431 end", "431 last")),
    h1("http2", "a target of 9 KiB", "", ("414 end", "414 last"), target="/" + "x" * 9000),
    h1("http2", "a method of 40 KiB", "", ("431 end", "400 end"), method="M" * 40_000),
]
VERSIONS = [
    raw("framing", "HTTP/1.0 with a host", "GET /case HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {alice}\r\n\r\n", "200 end"),
    raw("framing", "HTTP/1.0 that would go on", "GET /case HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {alice}\r\nConnection: keep-alive\r\n\r\n",
        ("200 end", "200 last")),
    raw("framing", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", ("400 end", "505 end", "end")),
]
CASES += UPGRADES + SIZES + VERSIONS
