"""A backend of many behaviours over plain HTTP/1.1, each asked for by a path. Run as a program.

  backend.py PORT              and the paths:
  GET  /                       who is calling
  GET  /slow/MILLISECONDS      the same, later
  GET  /bytes/COUNT            so many bytes, as fast as they are taken
  GET  /events/COUNT           so many events, all listeners' at the same moment: a tenth of a second apart
  POST /sum                    the SHA-256 of the body
  POST /once/NAME              counted by name
  GET  /told                   counts by name; how many are slow now, and how many take bytes; bytes that were taken
  any WebSocket                echo

  backend.py PORT --restless   closes connections 1 to 50 ms after each answer, unless a request comes first
"""

import asyncio
import base64
import collections
import contextlib
import hashlib
import json
import random
import sys
import time

EVENT_EVERY = 0.1
PIECE = bytes(64 * 1024)
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Backend:
    def __init__(self, patience):
        self.patience = patience  # seconds until an idle connection is closed, at random up to this; None: never
        self.named, self.busy, self.streams, self.taken = collections.Counter(), 0, 0, 0
        self.event = asyncio.Future()

    async def beat(self):
        for number in range(sys.maxsize):
            await asyncio.sleep(EVENT_EVERY)
            event, self.event = self.event, asyncio.Future()
            event.set_result(b"data: %d %.6f\n\n" % (number, time.time()))

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, EOFError, ValueError):
            await self.answer_all(reader, writer)
        writer.transport.abort()

    async def answer_all(self, reader, writer):
        while head := await self.head(reader):
            line, *lines = head.decode("latin-1").split("\r\n")
            method, path, _ = line.split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            if "sec-websocket-key" in fields:
                return await echo(reader, writer, fields["sec-websocket-key"])
            digest = await read_body(reader, fields)
            kind, _, argument = path.partition("?")[0][1:].partition("/")
            await getattr(self, f"{method.lower()}_{kind or 'root'}")(writer, argument, fields, digest)
            await writer.drain()

    async def head(self, reader):
        reading = reader.readuntil(b"\r\n\r\n")
        if self.patience is None:
            return await reading
        try:
            return await asyncio.wait_for(reading, random.uniform(0.001, self.patience))
        except TimeoutError:
            return None

    async def get_root(self, writer, _, fields, __):
        answer(writer, {"user_id": fields.get("user_id", "-")})

    async def get_slow(self, writer, milliseconds, fields, digest):
        self.busy += 1
        await asyncio.sleep(int(milliseconds) / 1000)
        self.busy -= 1
        await self.get_root(writer, "", fields, digest)

    async def get_bytes(self, writer, count, *_):
        left = int(count)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
        self.streams += 1
        try:
            while left:
                piece = PIECE[:left]
                writer.write(piece)
                await writer.drain()
                left, self.taken = left - len(piece), self.taken + len(piece)
        finally:
            self.streams -= 1

    async def get_events(self, writer, count, *_):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(count)):
            event = await asyncio.shield(self.event)
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def post_sum(self, writer, _, __, digest):
        answer(writer, {"sha256": digest})

    async def post_once(self, writer, name, *_):
        self.named[name] += 1
        answer(writer, {"name": name})

    async def get_told(self, writer, *_):
        answer(writer, {"named": self.named, "busy": self.busy, "streams": self.streams, "taken": self.taken})


def answer(writer, value):
    body = json.dumps(value).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def read_body(reader, fields):
    """The SHA-256 of a body, which is read to its end."""
    digest = hashlib.sha256()
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int(await reader.readline(), 16):
            digest.update((await reader.readexactly(size + 2))[:-2])
        await reader.readline()
    else:
        left = int(fields.get("content-length", 0))
        while left:
            piece = await reader.readexactly(min(left, len(PIECE)))
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


async def echo(reader, writer, key):
    """Sends every frame back unmasked (RFC 6455 §5.2), a close frame too, after which the connection ends."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept)
    opcode = 0
    while opcode & 0x0f != 8:
        opcode, length = await reader.readexactly(2)
        length &= 0x7f
        extended = await reader.readexactly({126: 2, 127: 8}.get(length, 0))
        mask = await reader.readexactly(4)
        payload = await reader.readexactly(int.from_bytes(extended) if extended else length)
        writer.write(bytes([opcode, length]) + extended + unmasked(payload, mask))
        await writer.drain()


def unmasked(payload, mask):
    if not any(mask):
        return payload
    stream = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(len(payload))


async def main():
    backend = Backend(0.05 if "--restless" in sys.argv else None)
    server = await asyncio.start_server(backend.serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    async with server:
        await asyncio.gather(backend.beat(), server.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
