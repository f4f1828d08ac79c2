"""From HTTP/2 to HTTP/1.1: what only the one can say must not become something in the other."""

from cases import h2
from http2 import pseudo

STREAM, CONNECTION = "RST:PROTOCOL_ERROR last", "GOAWAY:PROTOCOL_ERROR"
REFUSED = (STREAM, CONNECTION)
FORBIDDEN = [("connection", "close"), ("connection", "user_id"), ("transfer-encoding", "chunked"), ("te", "gzip"), ("keep-alive", "timeout=5"),
             ("proxy-connection", "close"), ("upgrade", "h2c")]
BROKEN = [("x-a", "1\r\nuser_id: evil"), ("x-a", "1\nuser_id: evil"), ("x-a", "1\rb"), ("x-a", "a\0b"), ("x-a\r\nuser_id", "evil"), ("x a", "1"), ("x:a", "1"),
          ("", "1"), ("X-Upper", "1"), ("User_Id", "evil"), ("x-\u00e4", "1"), ("x(a)", "1"), ("content-length", "x"), ("content-length", "+2"),
          ("content-length", "")]
PATHS = ["/case HTTP/1.1\r\nuser_id: evil\r\nx: ", "/case\r\n", "/case\nx", "/case\0"]
         
CASES = [
    h2("http2", "another host beside the authority", [("host", "evil")], "400 last"),
    h2("http2", "only the authority", [], "200 last", arrives={"host": ["localhost"]}),
    h2("http2", "the same host beside it", [("host", "localhost")], "200 last", arrives={"host": ["localhost"]}),
    h2("http2", "two hosts", [("host", "localhost"), ("host", "evil")], "400 last"),
    h2("http2", "a host and no authority", [("host", "localhost")], ("200 last", "400 last"), authority=None),
    h2("http2", "two hosts and no authority", [("host", "localhost"), ("host", "localhost")], "400 last", authority=None),
    h2("http2", "no host at all", [], ("400 last", STREAM), authority=None),
    *[h2("http2", f"authority {authority!r}", [], ("400 last", STREAM), authority=authority)
      for authority in ["user@localhost", "localhost@evil", "local host", "localhost/x", "localhost#", "", "localhost:x", "localhost\r\nx: y"]],
    *[h2("http2", f"authority {authority!r}", [], "421 last", authority=authority) for authority in ["evil", "localhost.evil"]],
    *[h2("http2", f"{name}: {value}", [(name, value)], REFUSED) for name, value in FORBIDDEN],
    h2("http2", "te: trailers", [("te", "trailers")], "200 last", nominated=("te",)),
    *[h2("http2", f"field {name!r}: {value!r}", [(name, value)], ("400 last", *REFUSED)) for name, value in BROKEN],
    *[h2("http2", f"path {path!r}", [], ("400 last", *REFUSED), target=path) for path in PATHS],
    *[h2("http2", f"method {method!r}", [], ("400 last", *REFUSED), method=method)
        for method in ["GET /x HTTP/1.1\r\nuser_id: evil\r\nx:", "G T", "", "GET\r\n"]],
    h2("http2", "more data than the length", [("content-length", "2")], REFUSED, method="POST", data=[b"hill"]),
    h2("http2", "less data than the length", [("content-length", "9")], REFUSED, method="POST", data=[b"hi"]),
    h2("http2", "a length and no data", [("content-length", "9")], REFUSED, method="POST"),
    h2("http2", "two lengths", [("content-length", "2"), ("content-length", "3")], (*REFUSED, "400 last"), method="POST", data=[b"hi"]),
    h2("http2", "a proper length", [("content-length", "2")], "200 last", method="POST", data=[b"hi"], body=b"hi"),
    h2("http2", "data of unknown length", [], "200 last", method="POST", data=[b"hi", b" there"], body=b"hi there"),
    h2("http2", "data on a GET", [], "200 last", data=[b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"],
        body=b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    h2("http2", "pseudo fields last", pseudo("GET", "/case"), REFUSED, start=[]),
    h2("http2", "a pseudo field among others", [("x-a", "1"), (":path", "/evil")], REFUSED),
    h2("http2", "a path twice", [], REFUSED, start=[*pseudo("GET", "/case"), (":path", "/evil")]),
    h2("http2", "a method twice", [], REFUSED, start=[*pseudo("GET", "/case"), (":method", "POST")]),
    h2("http2", "an unknown pseudo field", [], REFUSED, start=[*pseudo("GET", "/case"), (":user_id", "evil")]),
    h2("http2", "a pseudo field of answers", [], REFUSED, start=[*pseudo("GET", "/case"), (":status", "200")]),
    h2("http2", "no method", [], REFUSED, start=[(":scheme", "https"), (":path", "/case"), (":authority", "localhost")]),
    h2("http2", "no path", [], (*REFUSED, "400 last"), start=[(":method", "GET"), (":scheme", "https"), (":authority", "localhost")]),
    h2("http2", "a pseudo field in the trailers", [], (*REFUSED, "200 last"), body=b"hi", method="POST", data=[b"hi"], trailers=[(":path", "/evil")]),
    h2("http2", "a broken trailer", [], REFUSED, method="POST", data=[b"hi"], trailers=[("x-a", "1\r\nuser_id: evil")]),
    h2("http2", "another scheme", [], "400 last", start=[(":method", "GET"), (":scheme", "ftp"), (":path", "/case"), (":authority", "localhost")]),
    h2("http2", "a scheme that is a line", [], ("400 last", *REFUSED),
        start=[(":method", "GET"), (":scheme", "https\r\nx: y"), (":path", "/case"), (":authority", "localhost")]),
    h2("http2", "a WebSocket of HTTP/2", [], ("400 last", "405 last", *REFUSED), start=[*pseudo("CONNECT", "/case"), (":protocol", "websocket")]),
    *[h2("http2", f"blanks about {value!r}", [("x-own", value)], ("400 last", *REFUSED)) for value in [" 1", "1 ", "\t1\t"]],
    *[h2("framing", f"target {target!r}", [], ("400 last", *REFUSED), target=target) for target in
      ["?", "?user_id=evil", "?token={alice-token}", "https://evil.example/case", "http://localhost/case", "//evil.example/case", "/\\evil"]],
    h2("framing", "a fragment alone", [], ("400 last", "200 last"), target="#f", targets=("/",)),
    h2("http2", "a field of 40 KiB", [("x-own", "x" * 40_000)], ("431 last", *REFUSED), split=16_000),
    h2("http2", "101 fields", [(f"x-{number}", "1") for number in range(101)], ("431 last", *REFUSED)),
    h2("http2", "a target of 9 KiB", [], "414 last", target="/" + "x" * 9000),
    h2("http2", "a cookie in three fields", [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")], "200 last", arrives={"cookie": ["a=1; b=2; c=3"]}),
    h2("http2", "cookie crumbs apart", [("cookie", "a=1"), ("x-own", "1"), ("cookie", "b=2")], "200 last", arrives={"cookie": ["a=1; b=2"], "x-own": ["1"]}),
    h2("http2", "a header block in frames of three bytes", [("user-id", "evil")], "GOAWAY:ENHANCE_YOUR_CALM", split=3),
    h2("http2", "a header block in a few frames", [("user-id", "evil"), ("x-own", "1")], "200 last", split=40, arrives={"x-own": ["1"]}),
]
