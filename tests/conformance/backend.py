"""An HTTP/1.1 server that remembers what it was asked: whole requests, and such as ended before they were whole.

  …/big     64 MiB, as fast as they are taken
  /seen     what came since this was asked last, as JSON
  /busy     how many answers of 64 MiB were begun, and how many are under way
  /unread   nothing: not even the body is taken
  others    200 and "ok", once the request is whole
"""

import asyncio
import json

BIG = 64 * 1024 * 1024
UNREAD = 60  # seconds
PIECE = b"x" * 131072
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

seen, begun, busy = [], [], set()


async def serve(reader, writer):
    try:
        while await exchange(reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the other side has ended
    finally:
        writer.close()


async def exchange(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head[:-4].split("\r\n")
    fields = [tuple(part.strip() for part in field.split(":", 1)) for field in fields]
    headers = {name.lower(): value for name, value in fields}
    method, target, _ = line.split(" ")
    asked = {"case": headers.get("x-case"), "method": method, "target": target, "fields": fields, "whole": False, "body": 0}
    if target == "/seen":
        writer.write(answer(json.dumps(seen)))
        seen.clear()
    elif target == "/busy":
        writer.write(answer(json.dumps([len(begun), len(busy)])))
    else:
        # Honest requests are many, and nobody asks after them.
        if asked["case"]:
            seen.append(asked)
        if target == "/unread":
            await asyncio.sleep(UNREAD)
            return False
        await body(reader, headers, asked)
        asked["whole"] = True
        await (big(writer) if target.endswith("/big") else plain(writer))
    await writer.drain()
    return True


async def body(reader, headers, asked):
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            asked["body"] += len(await reader.readexactly(size + 2)) - 2
        await reader.readuntil(b"\r\n")
    else:
        length = int(headers.get("content-length", 0))
        while asked["body"] < length:
            piece = await reader.read(min(65536, length - asked["body"]))
            if not piece:
                raise asyncio.IncompleteReadError(piece, length)
            asked["body"] += len(piece)


async def plain(writer):
    writer.write(ANSWER)


async def big(writer):
    begun.append(writer)
    busy.add(writer)
    try:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {BIG}\r\n\r\n".encode())
        for _ in range(BIG // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
    finally:
        busy.remove(writer)


def answer(text):
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(text.encode())}\r\n\r\n{text}".encode()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024 * 1024, backlog=1024)
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
