"""A client of HTTP/1.1 and WebSocket over TLS that does as it is told, well or badly."""

import asyncio
import contextlib
import functools
import pathlib
import ssl
from typing import NamedTuple

# Whoever is honest waits no longer.
PATIENCE = 10.0
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


class Place(NamedTuple):
    """Where doorward listens, and the directory with the certificate of its authority."""

    port: int
    directory: pathlib.Path

    def context(self, *protocols):
        return context(self.directory, protocols)


@functools.cache
def context(directory, protocols):
    made = ssl.create_default_context(cafile=pathlib.Path(directory) / "ca.pem")
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


class Head(NamedTuple):
    status: int
    fields: dict


class Answer(NamedTuple):
    status: int
    fields: dict
    body: bytes


class Unexpected(Exception):
    """An answer that an honest client should not get."""


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, place, **options):
        """With TLS; or as the options say."""
        if "ssl" not in options:
            options["ssl"] = place.context()
        if options["ssl"]:
            options["server_hostname"] = "localhost"
        async with asyncio.timeout(PATIENCE):
            return cls(*await asyncio.open_connection("127.0.0.1", place.port, **options))

    def send(self, method, path, *fields, body=b""):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
        lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def head(self):
        """The next head that is not an interim answer's."""
        while True:
            line, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(line.split(" ")[1])
            if status == 101 or status >= 200:
                return Head(status, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)})

    async def pieces(self, head):
        """The body as it comes; a body that ends too soon is an error."""
        if "chunked" in head.fields.get("transfer-encoding", ""):
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        else:
            left = int(head.fields.get("content-length", 0))
            while left:
                piece = await self.reader.readexactly(min(left, 65536))
                left -= len(piece)
                yield piece

    async def ask(self, method, path, *fields, body=b"", patience=PATIENCE):
        async with asyncio.timeout(patience):
            self.send(method, path, *fields, body=body)
            head = await self.head()
            return Answer(*head, b"".join([piece async for piece in self.pieces(head)]))

    async def ended(self):
        """Waits until the other side ends the connection, in whatever way."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            while await self.reader.read(65536):
                pass

    def vanish(self):
        """Ends without a word."""
        self.writer.transport.abort()

    async def close(self):
        """Ends as TLS wants it."""
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            await asyncio.wait_for(self.writer.wait_closed(), PATIENCE)


class WebSocket(Connection):
    @classmethod
    async def open(cls, place, path="/ws", *fields):
        socket = await super().open(place)
        async with asyncio.timeout(PATIENCE):
            socket.send("GET", path, *HANDSHAKE, *fields)
            head = await socket.head()
        if head.status != 101:
            socket.vanish()
            raise Unexpected(f"WebSocket answered {head.status}")
        return socket

    def say(self, payload, opcode=0x81):
        """One frame (RFC 6455 §5.2), masked with zeroes."""
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2) if size < 65536 else b"\xff" + size.to_bytes(8)
        self.writer.write(bytes([opcode]) + length + bytes(4) + payload)

    async def hear(self):
        """Opcode and payload of the next frame."""
        opcode, size = await self.reader.readexactly(2)
        if extended := {126: 2, 127: 8}.get(size):
            size = int.from_bytes(await self.reader.readexactly(extended))
        return opcode & 0x0f, await self.reader.readexactly(size)

    async def echo(self, payload):
        async with asyncio.timeout(PATIENCE):
            self.say(payload)
            heard = await self.hear()
        demand(heard, (1, payload))

    async def leave(self, code=1000):
        """Closes with this code, and demands the same back (§7.1.2)."""
        async with asyncio.timeout(PATIENCE):
            self.say(code.to_bytes(2), 0x88)
            demand(await self.hear(), (8, code.to_bytes(2)))
            await self.ended()
        self.vanish()


def demand(heard, wanted):
    if heard != wanted:
        opcode, payload = heard
        raise Unexpected(f"closed: {int.from_bytes(payload[:2])} {payload[2:].decode()}" if opcode == 8
                         else f"WebSocket said {opcode} {payload[:40]!r} instead of {wanted[0]} {wanted[1][:40]!r}")


def bearer(credential):
    return f"Authorization: Bearer {credential}"
