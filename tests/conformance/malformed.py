"""HTTP/2 requests that are wrong in one thing, each with what RFC 9113 or the contract wants of it.

A case is its name, what is said on a fresh connection (stream 1 bears the request unless said otherwise), the verdict, and
whether the backend may be given the request. Error codes: 1 PROTOCOL_ERROR, 3 FLOW_CONTROL_ERROR, 5 STREAM_CLOSED,
6 FRAME_SIZE_ERROR, 9 COMPRESSION_ERROR (RFC 9113 section 7). A server may take an error of a stream for one of the connection
(section 5.4.1), and ours does where the header block itself cannot be read; it has one code, 1, for most of what it cannot read.
Two cases end better than the RFC has it, as nothing of what is wrong goes on: a fragment is cut from the path, and trailers are
dropped whatever they hold.
"""

from dataclasses import dataclass
from typing import Callable

from peer import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, frame

OK, BAD, LARGE, LONG = ("status", 200), ("status", 400), ("status", 431), ("status", 414)
# An error of the connection may find an earlier request still here, or gone to the backend.
ONE, RACES = (1,), (0, 1)
WHOLE = END_STREAM | END_HEADERS


def reset(code):
    return ("RST_STREAM", code)


def goaway(code):
    return ("GOAWAY", code)


@dataclass
class Case:
    name: str
    say: Callable  # of a Request, the bytes
    verdict: tuple
    reaches: tuple = (0,)  # how many requests the backend may be given whole
    stream: int = 1


class Request:
    """The honest request of a case, to be bent."""

    def __init__(self, peer, port, key, case):
        self.peer, self.authority, self.key, self.case = peer, f"localhost:{port}", key, case
        self.pseudo = {":method": "GET", ":scheme": "https", ":authority": self.authority, ":path": "/case"}

    def fields(self, *more, **pseudo):
        """All fields; `path=None` leaves `:path` out, anything else replaces it."""
        changed = self.pseudo | {f":{name}": value for name, value in pseudo.items()}
        first = [(name, value) for name, value in changed.items() if value is not None]
        return [*first, ("authorization", f"Bearer {self.key}"), ("x-case", self.case), *more]

    def block(self, *more, **pseudo):
        return self.peer.block(self.fields(*more, **pseudo))

    def get(self, *more, stream=1, **pseudo):
        return frame(HEADERS, WHOLE, stream, self.block(*more, **pseudo))

    def post(self, *more, stream=1, **pseudo):
        """The head of an upload, whose body is still to come."""
        return frame(HEADERS, END_HEADERS, stream, self.block(*more, **{"method": "POST", **pseudo}))

    def raw(self, block):
        return frame(HEADERS, WHOLE, 1, block)


def data(payload, flags=END_STREAM, stream=1, **options):
    return frame(DATA, flags, stream, payload, **options)


def field(name, value):
    return lambda request: request.get((name, value))


def pseudo(**changed):
    return lambda request: request.get(**changed)


def upload(length, *pieces):
    """A `content-length` and DATA, the last of which ends the stream."""
    def say(request):
        head = request.post(("content-length", length))
        return head + b"".join(data(piece, END_STREAM * (piece is pieces[-1])) for piece in pieces)
    return say


def misplaced(name, value, at):
    """One more pseudo-header, at this place of the list."""
    def say(request):
        fields = request.fields()
        fields.insert(at, (name, value))
        return request.raw(request.peer.block(fields))
    return say


HONEST = [
    Case("an honest request", lambda request: request.get(), OK, ONE),
    Case("te: trailers", field("te", "trailers"), OK, ONE),
    Case("an honest upload", upload("5", b"he", b"llo"), OK, ONE),
    Case("no :authority, but a host", lambda request: request.get(("host", request.authority), authority=None), OK, ONE),
    Case("a host that agrees", lambda request: request.get(("host", request.authority)), OK, ONE),
    Case(":scheme http over TLS", pseudo(scheme="http"), OK, ONE),
    Case("trailers", lambda request: request.post() + data(b"hello", 0) + frame(HEADERS, WHOLE, 1, request.peer.block([("x-sum", "1")])), OK, ONE),
]

NAMES_AND_VALUES = [
    Case("an upper-case name", field("X-Upper", "1"), goaway(1)),
    *(Case(f"{name}: {value}", field(name, value), reset(1)) for name, value in [
        ("connection", "close"), ("connection", "x-case"), ("transfer-encoding", "chunked"), ("keep-alive", "1"),
        ("proxy-connection", "close"), ("upgrade", "websocket"), ("te", "gzip"), ("te", "trailers, gzip")]),
    *(Case(f"{label} in a value", field("x-value", f"a{byte}b"), goaway(1)) for label, byte in [("CR", "\r"), ("LF", "\n"), ("CR LF", "\r\nuser_id: evil\r\n"), ("NUL", "\0")]),
    *(Case(f"{label} in a name", field(f"x{byte}n", "1"), goaway(1)) for label, byte in [("CR", "\r"), ("LF", "\n"), ("CR LF", "\r\nuser_id: evil\r\n"), ("NUL", "\0"), ("space", " "), ("colon", ":"), ("8-bit byte", "\x80")]),
    Case("an empty name", field("", "1"), goaway(1)),
    *(Case(f"{label} in :path", pseudo(path=f"/a{byte}b"), reset(1)) for label, byte in [("CR", "\r"), ("LF", "\n"), ("CR LF", " HTTP/1.1\r\nuser_id: evil\r\n"), ("NUL", "\0"), ("space", " ")]),
    *(Case(f"{label} in :method", pseudo(method=f"GET{byte}"), goaway(1)) for label, byte in [("CR LF", "\r\n"), ("NUL", "\0"), ("space", " /x")]),
]

PSEUDO_HEADERS = [
    *(Case(f"no :{name}", pseudo(**{name: None}), reset(1)) for name in ["method", "scheme", "path"]),
    Case("neither :authority nor host", pseudo(authority=None), BAD),
    Case("an empty :path", pseudo(path=""), reset(1)),
    Case(":path * with GET", pseudo(path="*"), BAD),
    Case(":path without a slash", pseudo(path="case"), reset(1)),
    Case(":path with a fragment", pseudo(path="/case#f"), OK, ONE),
    Case("an absolute :path", pseudo(path="https://evil.example/case"), reset(1)),
    Case(":scheme ftp", pseudo(scheme="ftp"), BAD),
    Case("an empty :scheme", pseudo(scheme=""), BAD),
    Case(":scheme with a space", pseudo(scheme="ht tps"), reset(1)),
    Case("an empty :authority", pseudo(authority=""), reset(1)),
    Case(":authority with user information", pseudo(authority="alice@localhost"), BAD),
    Case(":authority with a path", pseudo(authority="localhost/x"), reset(1)),
    Case(":authority of another host", pseudo(authority="evil.example"), ("status", 421)),
    Case("a host that contradicts", field("host", "evil.example"), BAD),
    Case("two hosts", lambda request: request.get(("host", request.authority), ("host", "evil.example")), BAD),
    Case("CONNECT", lambda request: request.get(method="CONNECT", scheme=None, path=None), ("status", 405)),
    Case("CONNECT with :path", pseudo(method="CONNECT"), reset(1)),
    Case("an extended CONNECT that was not offered", pseudo(method="CONNECT", protocol="websocket"), reset(1)),
    *(Case(f"{name} twice", misplaced(name, value, 4), reset(1)) for name, value in [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/case")]),
    Case("an unknown pseudo-header", misplaced(":user-id", "evil", 4), goaway(1)),
    Case(":status in a request", misplaced(":status", "200", 4), reset(1)),
    Case("a pseudo-header after a field", misplaced(":path", "/case", 6), reset(1)),
    Case("a pseudo-header in trailers", lambda request: request.post() + frame(HEADERS, WHOLE, 1, request.peer.block([(":path", "/x")])), OK, ONE),
    Case("connection in trailers", lambda request: request.post() + frame(HEADERS, WHOLE, 1, request.peer.block([("connection", "close")])), reset(1)),
    Case("trailers that end nothing", lambda request: request.post() + frame(HEADERS, END_HEADERS, 1, request.peer.block([("x-sum", "1")])), reset(1)),
]

LENGTHS = [
    Case("more DATA than content-length", upload("3", b"hello"), reset(1)),
    Case("less DATA than content-length", upload("9", b"hello"), reset(1)),
    Case("content-length and no DATA", lambda request: request.get(("content-length", "5"), method="POST"), reset(1)),
    Case("more DATA than content-length, in the second frame", upload("3", b"he", b"llo"), reset(1)),
    Case("two content-lengths that differ", lambda request: request.post(("content-length", "5"), ("content-length", "3")) + data(b"hello"), reset(1)),
    *(Case(f"content-length: {value}", upload(value, b"hello"), reset(1)) for value in ["+5", "0x5", "-1", "", "5, 3", "18446744073709551616"]),
    Case("101 fields", lambda request: request.get(*(("x-many", "1") for _ in range(100))), LARGE),
    Case("40 KiB of fields", lambda request: split_block(request, request.block(("x-large", "x" * 40000))), LARGE),
    Case("9 KiB of :path", lambda request: request.get(path="/" + "a" * 9000), LONG),
]


def split_block(request, block):
    pieces = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    last = len(pieces) - 1
    return b"".join(
        frame(CONTINUATION if at else HEADERS, (0 if at else END_STREAM) | END_HEADERS * (at == last), 1, piece) for at, piece in enumerate(pieces)
    )
