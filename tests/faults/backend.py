"""A backend for faults: HTTP/1.1 and WebSocket, plain enough to know what it got and when.

  backend.py PORT [--idle-close]

With --idle-close each connection is closed after 1 to 50 ms of silence, as a backend with a short keep-alive does at the
worst moment. Prints "ready" when it listens.
"""

import asyncio
import base64
import collections
import hashlib
import json
import random
import socket
import struct
import sys
import urllib.parse

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
EVENT_EVERY = 0.1
SEND_BUFFER = 64 * 1024
seen = collections.Counter()


async def serve(reader, writer):
    try:
        while head := await next_head(reader):
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            if "sec-websocket-key" in headers:
                return await echo(reader, writer, headers)
            body = await whole_body(reader, headers)
            if not await answer(writer, method, target, body):
                return
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def next_head(reader):
    patience = random.uniform(0.001, 0.05) if "--idle-close" in sys.argv else None
    try:
        first = await asyncio.wait_for(reader.read(1), patience)
    except TimeoutError:
        return None
    return first and first + await reader.readuntil(b"\r\n\r\n")


async def whole_body(reader, headers):
    """How long the body is: what it says is kept nowhere."""
    if "content-length" in headers:
        left = length = int(headers["content-length"])
        while left:
            piece = await reader.read(min(left, 65536))
            if not piece:
                raise ConnectionResetError
            left -= len(piece)
        return length
    length = 0
    while headers.get("transfer-encoding"):
        size = int(await reader.readline(), 16)
        await reader.readexactly(size + 2)
        length += size
        if not size:
            break
    return length


async def answer(writer, method, target, body):
    """Whether the connection may be used again."""
    path, _, query = target.partition("?")
    asked = dict(urllib.parse.parse_qsl(query))
    if "id" in asked:
        seen[f"{method} {asked['id']}"] += 1
    if path == "/seen":
        return await say(writer, json.dumps(seen).encode())
    if path == "/slow":
        await asyncio.sleep(int(asked["ms"]) / 1000)
    if path == "/events":
        return await events(writer)
    if path == "/big":
        return await big(writer, int(asked["bytes"]))
    if path.startswith("/cut/"):
        return await cut(writer, path)
    if path == "/close":
        return await say(writer, b"last", b"Connection: close\r\n")
    return await say(writer, str(body).encode())


async def say(writer, text, more=b""):
    writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (more, len(text), text))
    await writer.drain()
    return not more


async def events(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"9\r\ndata: x\n\n\r\n")
        await writer.drain()
        await asyncio.sleep(EVENT_EVERY)


async def big(writer, length):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
    while length:
        piece = bytes(min(length, 65536))
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)  # a reader that keeps up is no reason to serve nobody else
        length -= len(piece)
    return True


async def cut(writer, path):
    """Half a body, and a reset."""
    if path == "/cut/length":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
    else:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"x" * 500 + b"\r\n")
    await writer.drain()
    await asyncio.sleep(EVENT_EVERY)  # a reset overtakes what the other side has not read yet
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def echo(reader, writer, headers):
    accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + MAGIC).digest()).decode()
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    while True:
        first, length = await reader.readexactly(2)
        mask, payload = await reader.readexactly(4), await reader.readexactly(length & 0x7F)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        writer.write(bytes([first, len(payload)]) + payload)
        await writer.drain()
        if first & 0x0F == 8:
            return


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # What waits for a slow reader should wait in doorward, not in the system's buffers.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    server = await asyncio.start_server(serve, sock=listener, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
