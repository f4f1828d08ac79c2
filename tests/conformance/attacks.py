"""Floods over HTTP/2: each is one wave of connections, and says what must have come of it.

A wave gets a Scene, from which it takes its connections; it returns how many frames it sent, and its findings:
what was looked at, what is right, and what came. Written after RFC 9113 section 10.5,
CVE-2023-44487 (rapid reset), CVE-2025-8671 (MadeYouReset) and CVE-2026-49975 (indexed fields without number).
"""

from dataclasses import dataclass, field

from malformed import WHOLE, Request, data
from misframed import raised
from peer import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Peer, frame, settings

CALM = 11  # ENHANCE_YOUR_CALM
MANY = 10_000
CANCEL = (8).to_bytes(4, "big")
LARGEST_WINDOW = 2**31 - 1


@dataclass
class Wave:
    frames: int
    findings: list = field(default_factory=list)
    # What of the backend's answers the limits allow to be kept for such clients; it does not grow with what they send.
    may_hold_kib: int = 0


class Scene:
    """Where a wave takes place. Keeps its connections until it is over."""

    def __init__(self, stage):
        self.stage, self.peers = stage, []

    def connect(self, **values):
        self.peers.append(Peer(self.stage.port, **values))
        return self.peers[-1]

    def request(self, peer):
        return Request(peer, self.stage.port, self.stage.key, "flood")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.tls.close()


def odd(count):
    """The ids of so many streams."""
    return range(1, 2 * count, 2)


def introduced(request, *more, **pseudo):
    """A first stream that fills the table, and the block for all others."""
    first = request.get(*more, **pseudo)
    return first, request.block(*more, **pseudo)


def rapid_reset(scene):
    """Of MANY streams the first thousand must be enough."""
    peer = scene.connect()
    first, block = introduced(scene.request(peer))
    each = [first, *(frame(HEADERS, WHOLE, stream, block) for stream in odd(MANY)[1:])]
    each = [head + frame(RST_STREAM, 0, stream, CANCEL) for head, stream in zip(each, odd(MANY))]
    peer.say(b"".join(each[:1000]))
    code = peer.until(peer.close_code)
    peer.say(b"".join(each[1000:]))
    return Wave(2 * 1000, [("GOAWAY within 1,000 streams", CALM, code)])


def continuation(piece):
    def wave(scene):
        peer = scene.connect()
        peer.say(frame(HEADERS, END_STREAM, 1, scene.request(peer).block()) + frame(CONTINUATION, 0, 1, piece) * 64)
        verdict = peer.await_verdict(1, patience=3)
        return Wave(65, [("within 64 frames", ("GOAWAY", CALM), verdict)])
    return wave


def made_reset(provoke, code, *fields, flags=END_HEADERS):
    """Streams that the client makes the server reset: all are under way, none is counted as the client's. 1,100 of 3,000 must be enough."""
    def wave(scene):
        peer = scene.connect()
        first, block = introduced(scene.request(peer), *fields, method="POST")
        each = [frame(HEADERS, flags, stream, block) + provoke(stream) for stream in odd(3000)[1:]]
        peer.say(first + b"".join(each[:1099]))
        came = peer.until(peer.close_code)
        peer.say(b"".join(each[1099:]))
        return Wave(2 * 1100, [("GOAWAY within 1,100 streams", code, came)])
    return wave


def crumbs(scene):
    """20 connections of 100 streams of 400 cookies, a byte each, whose answers nobody takes."""
    for _ in range(20):
        peer = scene.connect(window=0)
        first, block = introduced(scene.request(peer), ("cookie", "a=1"))
        block += peer.block([("cookie", "a=1")]) * 399
        peer.say(first + b"".join(frame(HEADERS, WHOLE, stream, block) for stream in odd(100)[1:]))
    refused = {peer.await_verdict(stream) for peer in scene.peers for stream in odd(100)[1:]}
    return Wave(20 * 100, [("all but the first", {("status", 431)}, refused)])


# What an admitted request costs while its answer waits, its connection to the backend included, however short it was.
REQUEST_KIB = 8


def large_entry(scene):
    """As `crumbs`, with an entry of 3,000 bytes for each byte: 8 times, within the limit of fields."""
    for _ in range(20):
        peer = scene.connect(window=0)
        first, block = introduced(scene.request(peer), ("x-large", "x" * 3000))
        block += peer.block([("x-large", "x" * 3000)]) * 7
        peer.say(first + b"".join(frame(HEADERS, WHOLE, stream, block) for stream in odd(100)[1:]))
    answered = {peer.await_verdict(stream) for peer in scene.peers for stream in odd(100)}
    return Wave(20 * 100, [("all", {("status", 200)}, answered)], may_hold_kib=20 * 100 * REQUEST_KIB)


def repeated(*pieces):
    """Frames again and again, which break no rule by themselves."""
    def wave(scene):
        peer = scene.connect()
        peer.say(b"".join(pieces) * (MANY // len(pieces)))
        living = peer.is_answering()
        return Wave(MANY, [("the connection lives", True, living)])
    return wave


def empty_data(scene):
    peer = scene.connect()
    peer.say(scene.request(peer).post() + data(b"", 0) * MANY + data(b""))
    return Wave(MANY, [("the connection", ("GOAWAY", CALM), peer.await_verdict(1))])


def tiny_data(scene):
    peer = scene.connect()
    peer.say(scene.request(peer).post(path="/unread") + data(b"x", 0) * MANY)
    return Wave(MANY, [("the connection", ("GOAWAY", CALM), peer.await_verdict(1))])


def unread(kind, payload):
    """The client asks for an answer to each frame and takes none."""
    def wave(scene):
        peer = scene.connect()
        peer.deafen()
        said = frame(kind, 0, 0, payload) * MANY
        while peer.sent < 64 * 1024 * 1024 and not peer.ended and peer.say(said, patience=1):
            pass
        gone = peer.until_gone(patience=8)
        return Wave(peer.sent // (9 + len(payload)), [("the connection ends", True, gone)])
    return wave


def zero_window(scene):
    """100 large answers, none of which may be sent."""
    peer = scene.connect(window=0)
    request = scene.request(peer)
    peer.say(b"".join(request.get(stream=stream, path="/big") for stream in odd(100)))
    peer.until(lambda: len(peer.resets()) == 100, patience=8)
    return Wave(100, [("streams that are reset", 100, len(peer.resets()))], may_hold_kib=100 * 2 * 64)


def one_byte_windows(scene):
    """A large answer, asked for byte by byte."""
    peer = scene.connect(window=0)
    peer.say(scene.request(peer).get(path="/big"))
    peer.say(frame(WINDOW_UPDATE, 0, 1, raised(1)) * MANY)
    living = peer.is_answering()
    return Wave(MANY, [("the connection lives", True, living)])


def table_sizes(scene):
    """The table of what the server says, made nothing and huge in turn, and used between."""
    peer = scene.connect()
    request = scene.request(peer)
    games = frame(SETTINGS, payload=settings(table=0)) + frame(SETTINGS, payload=settings(table=2**32 - 1))
    peer.say(games * 50 * 100)
    peer.say(request.get())
    return Wave(MANY, [("a request then", ("status", 200), peer.await_verdict(1))])


def table_updates(scene):
    """The table of what the client says, made nothing and full in turn, within one block."""
    peer = scene.connect()
    peer.say(scene.request(peer).raw(b"\x20\x3f\xe1\x1f" * 4000 + scene.request(peer).block()))
    return Wave(1, [("the request", ("status", 200), peer.await_verdict(1))])


def trickle(scene):
    """100 uploads that come byte by byte, and a stream more; at last nothing more comes."""
    peer = scene.connect()
    request = scene.request(peer)
    peer.say(b"".join(request.post(("content-length", "1000"), stream=stream) for stream in odd(100)))
    peer.say(request.get(stream=201))
    one_more = peer.await_verdict(201)
    # One at a time: too many that wait together are a flood, which ends the connection.
    for _ in range(20):
        peer.say(b"".join(data(b"x", 0, stream) for stream in odd(100)))
        peer.is_answering()
    verdicts = {peer.await_verdict(stream, patience=5) for stream in odd(100)}
    return Wave(2121, [("the 101st stream", ("RST_STREAM", 7), one_more), ("each at the end", {("status", 408)}, verdicts)])


def beyond_windows(scene):
    """An upload that nobody takes and that heeds no window."""
    peer = scene.connect()
    peer.say(scene.request(peer).post(path="/unread"))
    peer.say(data(bytes(16384), 0) * 4000)
    # The stream ends, or the connection when its window was passed as well: either is right (RFC 9113 §6.9).
    end, code = peer.await_verdict(1)
    return Wave(4000, [(f"{end} is", 3, code)])


def window_overflows(stream):
    return frame(WINDOW_UPDATE, 0, stream, raised(LARGEST_WINDOW))


def window_grows_by_nothing(stream):
    return frame(WINDOW_UPDATE, 0, stream, raised(0))


def more_than_announced(stream):
    return data(b"hello", 0, stream)


def nothing_more(stream):
    return b""


def dependency_on_itself(stream):
    return frame(PRIORITY, 0, stream, stream.to_bytes(4, "big") + b"\x10")


def headers_after_the_end(stream):
    return frame(HEADERS, WHOLE, stream, b"\x82")


def data_after_the_end(stream):
    return data(b"x", 0, stream)


FLOODS = {
    "rapid reset": rapid_reset,
    "CONTINUATION, empty": continuation(b""),
    "CONTINUATION, a field": continuation(b"\x00\x01x\x01y"),
    "CONTINUATION, 16 KiB": continuation(b"\x00\x01x\x01y" * 3276),
    "MadeYouReset, a window overflows": made_reset(window_overflows, CALM),
    "MadeYouReset, more than announced": made_reset(more_than_announced, CALM, ("content-length", "3")),
    "MadeYouReset, a forbidden field": made_reset(nothing_more, CALM, ("connection", "close")),
    "MadeYouReset, an increment of 0": made_reset(window_grows_by_nothing, 1),
    "MadeYouReset, a dependency on itself": made_reset(dependency_on_itself, CALM),
    "MadeYouReset, HEADERS after the end": made_reset(headers_after_the_end, 1, flags=WHOLE),
    "MadeYouReset, DATA after the end": made_reset(data_after_the_end, 1, flags=WHOLE),
    "400 indexed cookies": crumbs,
    "8 indexed fields of 3,000 bytes": large_entry,
    "SETTINGS": repeated(frame(SETTINGS, payload=settings(window=65535))),
    "SETTINGS, empty": repeated(frame(SETTINGS)),
    "PING": repeated(frame(PING, payload=b"flooding")),
    "PRIORITY": repeated(frame(PRIORITY, 0, 1, b"\0\0\0\3\x10")),
    "unknown frames": repeated(frame(0xFA, 0xFF, 0, b"whatever")),
    "WINDOW_UPDATE by 1": repeated(frame(WINDOW_UPDATE, 0, 0, raised(1))),
    "empty DATA": empty_data,
    "tiny DATA at once": tiny_data,
    "PING, answers unread": unread(PING, b"flooding"),
    "SETTINGS, answers unread": unread(SETTINGS, settings(window=65535)),
    "windows of 0": zero_window,
    "windows of 1 byte": one_byte_windows,
    "table sizes by SETTINGS": table_sizes,
    "table sizes by HPACK": table_updates,
    "trickled uploads": trickle,
    "an upload beyond windows": beyond_windows,
}
