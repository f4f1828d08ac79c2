"""Keeps the very bytes. Cuts them into requests by the letter of RFC 9112 and takes nothing else.

  capture.py RECORDS
"""

import asyncio
import re
import sys

from records import Records

RECORDS = Records(sys.argv[1])
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
START = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/1\.1")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?|)[ \t]*")
SIZE = re.compile(rb"([0-9a-fA-F]{1,16})\r\n")


class Malformed(Exception):
    pass


async def serve(reader, writer):
    try:
        while head := await head_of(reader):
            start, headers = parse(head)
            body, raw, trailers = await body_of(reader, headers, start)
            method, target = start
            names = [[name.decode(), value.decode("latin-1")] for name, value in headers]
            bytes_seen = (head + raw).decode("latin-1")
            RECORDS.request(method.decode(), target.decode(), names, body, trailers=trailers, raw=bytes_seen)
            status = RECORDS.status_for(target.decode())
            content = b"" if method == b"HEAD" else b"seen\n"
            writer.write(b"HTTP/1.1 %d Chosen\r\nX-Backend: seen\r\nContent-Length: 5\r\n\r\n%b" % (status, content))
            await writer.drain()
    except Malformed as reason:
        RECORDS.error(str(reason))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def head_of(reader):
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            RECORDS.aborted("in the head", end.partial.decode("latin-1"))
        return None


def parse(head):
    first, *lines = head[:-4].split(b"\r\n")
    start = START.fullmatch(first)
    fields = [FIELD.fullmatch(line) for line in lines]
    if not start or not all(fields):
        raise Malformed(f"head {head!r}")
    return start.groups(), [(field[1].lower(), field[2]) for field in fields]


async def body_of(reader, headers, start):
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
        raise Malformed(f"framing {headers!r}")
    try:
        if codings:
            return await chunks_of(reader)
        if lengths and not re.fullmatch(rb"0|[1-9][0-9]{0,17}", lengths[0]):
            raise Malformed(f"length {lengths[0]!r}")
        body = await reader.readexactly(int(lengths[0]) if lengths else 0)
        return body, body, []
    except asyncio.IncompleteReadError:
        RECORDS.aborted(start[0].decode(), start[1].decode())
        raise


async def chunks_of(reader):
    body = raw = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        if not (size := SIZE.fullmatch(line)):
            raise Malformed(f"chunk {line!r}")
        raw += line
        if not (length := int(size[1], 16)):
            break
        piece = await reader.readexactly(length + 2)
        if not piece.endswith(b"\r\n"):
            raise Malformed(f"end of chunk {piece[-2:]!r}")
        body, raw = body + piece[:-2], raw + piece
    trailers = []
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailers.append(line.decode("latin-1"))
        raw += line
    return body, raw + b"\r\n", trailers


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
