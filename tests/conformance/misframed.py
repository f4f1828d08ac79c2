"""HTTP/2 frames that are wrong in themselves, or in the state of their stream or connection. See `malformed`."""

from malformed import OK, ONE, RACES, WHOLE, Case, data, goaway, reset
from peer import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    frame, settings,
)

PUSH_PROMISE = 5
LARGEST_WINDOW = 2**31 - 1


def alone(*arguments, **options):
    """One frame, and nothing else."""
    return lambda request: frame(*arguments, **options)


def before(*arguments, **options):
    """A frame before an honest request."""
    return lambda request: frame(*arguments, **options) + request.get()


def within(*arguments, **options):
    """A frame in the middle of an upload of five bytes."""
    return lambda request: request.post() + frame(*arguments, **options) + data(b"hello")


def raised(by):
    return by.to_bytes(4, "big")


def setting(**values):
    return alone(SETTINGS, payload=settings(**values))


IGNORED = [
    Case("an unknown frame type", before(0xFA, 0xFF, 0, b"whatever"), OK, ONE),
    Case("an unknown frame type within a request", within(0xFA, 0xFF, 1, b"whatever"), OK, ONE),
    Case("unknown flags", lambda request: frame(HEADERS, WHOLE | 0xC2, 1, request.block()), OK, ONE),
    Case("an unknown setting", before(SETTINGS, payload=b"\xfa\xfa\0\0\0\1"), OK, ONE),
    Case("the reserved bit of a stream", lambda request: frame(HEADERS, WHOLE, 1 | 1 << 31, request.block()), OK, ONE),
    Case("PRIORITY for a stream to come", before(PRIORITY, 0, 7, b"\0\0\0\1\x10"), OK, ONE),
    Case("a frame with padding", lambda request: request.post() + data(b"\x03helloPAD", PADDED | END_STREAM), OK, ONE),
    Case("GOAWAY of the client", before(GOAWAY, payload=bytes(8)), OK, ONE),
]

SIZES = [
    Case("a frame above the largest size", within(DATA, 0, 1, bytes(16385)), goaway(6)),
    Case("a frame of 16 MiB, announced", within(DATA, 0, 1, b"", length=2**24 - 1), goaway(6)),
    Case("PING of 7 bytes", alone(PING, payload=bytes(7)), goaway(1)),
    Case("SETTINGS of 5 bytes", alone(SETTINGS, payload=bytes(5)), goaway(1)),
    Case("SETTINGS that acknowledge and set", alone(SETTINGS, 1, payload=settings(window=1)), goaway(1)),
    Case("RST_STREAM of 3 bytes", within(RST_STREAM, 0, 1, bytes(3)), goaway(1)),
    Case("WINDOW_UPDATE of 3 bytes", alone(WINDOW_UPDATE, payload=bytes(3)), goaway(1)),
    Case("PRIORITY of 4 bytes", within(PRIORITY, 0, 1, bytes(4)), goaway(1)),
    Case("GOAWAY of 7 bytes", alone(GOAWAY, payload=bytes(7)), goaway(1)),
    Case("padding longer than DATA", within(DATA, PADDED, 1, b"\x09abc"), goaway(1)),
    Case("padding longer than HEADERS", alone(HEADERS, WHOLE | PADDED, 1, b"\xff\x82"), goaway(1)),
    Case("padding of nothing", within(DATA, PADDED, 1, b""), goaway(1)),
]

STREAMS = [
    Case("HEADERS on stream 0", alone(HEADERS, WHOLE, 0, b"\x82"), goaway(1)),
    Case("DATA on stream 0", alone(DATA, 0, 0, b"x"), goaway(1)),
    Case("RST_STREAM on stream 0", alone(RST_STREAM, 0, 0, bytes(4)), goaway(1)),
    Case("PRIORITY on stream 0", alone(PRIORITY, 0, 0, bytes(5)), goaway(1)),
    Case("SETTINGS on a stream", alone(SETTINGS, 0, 1), goaway(1)),
    Case("PING on a stream", alone(PING, 0, 1, bytes(8)), goaway(1)),
    Case("GOAWAY on a stream", alone(GOAWAY, 0, 1, bytes(8)), goaway(1)),
    Case("DATA before HEADERS", alone(DATA, END_STREAM, 1, b"hello"), goaway(1)),
    Case("RST_STREAM before HEADERS", alone(RST_STREAM, 0, 1, bytes(4)), goaway(1)),
    Case("WINDOW_UPDATE before HEADERS", alone(WINDOW_UPDATE, 0, 1, raised(1)), goaway(1)),
    Case("CONTINUATION before HEADERS", alone(CONTINUATION, END_HEADERS, 1, b"\x82"), goaway(1)),
    Case("PUSH_PROMISE of the client", within(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2\x82"), goaway(1)),
    Case("an even stream", lambda request: request.get(stream=2), goaway(1), stream=2),
    Case("streams that go down", lambda request: request.get(stream=5) + request.get(stream=3), goaway(1), RACES, stream=3),
    Case("a stream used twice", lambda request: request.get() + request.get(), goaway(1), RACES),
    Case("HEADERS after the end", lambda request: request.post() + data(b"hello") + frame(HEADERS, WHOLE, 1, b"\x82"), goaway(1), RACES),
    Case("DATA after the end", lambda request: request.get() + data(b"hello"), goaway(1), RACES),
    Case("a stream that depends on itself", lambda request: frame(HEADERS, WHOLE | 0x20, 1, b"\0\0\0\1\x10" + request.block()), reset(1)),
    Case("DATA between HEADERS and CONTINUATION", lambda request: frame(HEADERS, END_STREAM, 1, request.block()) + data(b"x"), goaway(1)),
    Case("PING between HEADERS and CONTINUATION", lambda request: frame(HEADERS, END_STREAM, 1, request.block()) + frame(PING, payload=bytes(8)), goaway(1)),
    Case("CONTINUATION of another stream", lambda request: frame(HEADERS, END_STREAM, 1, request.block()) + frame(CONTINUATION, END_HEADERS, 3, b""), goaway(1)),
]

WINDOWS = [
    Case("WINDOW_UPDATE by 0 for the connection", alone(WINDOW_UPDATE, payload=raised(0)), goaway(1)),
    Case("WINDOW_UPDATE by 0 for a stream", within(WINDOW_UPDATE, 0, 1, raised(0)), goaway(1)),
    Case("a connection's window overflows", alone(WINDOW_UPDATE, payload=raised(LARGEST_WINDOW)), goaway(3)),
    Case("a stream's window overflows", within(WINDOW_UPDATE, 0, 1, raised(LARGEST_WINDOW)), reset(3)),
    Case("all windows overflow by SETTINGS", lambda request: request.post() + frame(WINDOW_UPDATE, 0, 1, raised(2**30)) + frame(SETTINGS, payload=settings(window=2**30 + 2**29)), goaway(3)),
    Case("a window above the largest", setting(window=2**31), goaway(1)),
    Case("frames smaller than allowed", setting(frame=16383), goaway(1)),
    Case("frames larger than allowed", setting(frame=2**24), goaway(1)),
    Case("ENABLE_PUSH 2", setting(push=2), goaway(1)),
]

COMPRESSION = [
    Case("index 0", lambda request: request.raw(b"\x80"), goaway(1)),
    Case("an index beyond the table", lambda request: request.raw(b"\xff\x20"), goaway(1)),
    Case("an index without end", lambda request: request.raw(b"\xff" * 20), goaway(1)),
    Case("a string longer than its block", lambda request: request.raw(b"\x00\x7f\x10abc"), goaway(1)),
    Case("Huffman padding of a byte", lambda request: request.raw(b"\x00\x82\xff\xff\x00"), goaway(1)),
    Case("a table larger than allowed", lambda request: request.raw(b"\x3f\xff\xff\x03" + request.block()), goaway(1)),
    Case("a table size after a field", lambda request: request.raw(request.block() + b"\x20"), goaway(1)),
    Case("a table of 0 and back, within bounds", lambda request: request.raw(b"\x20\x3f\xe1\x1f" + request.block()), OK, ONE),
]
