"""The WebSocket server that the Autobahn suite judges: repeats every message. Any length, with permessage-deflate."""

import asyncio
import os

# Some cases send 65,536 fragments of a message; read when the library is loaded.
os.environ["WEBSOCKETS_MAX_FRAGMENTS"] = "1000000"

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def repeat(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass  # what the suite provokes


async def main():
    async with serve(repeat, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


asyncio.run(main())
