"""An honest client that asks at a steady rate, whatever the answers. Run as a program.

  steady.py PORT DIRECTORY KEY RATE CONNECTIONS PATH

Says `open` when each of its keep-alive connections had an answer, asks until a line comes, and then prints one JSON list:
[moment, milliseconds, outcome] of each request, where the time runs from the moment at which the request was due, so that
no request is spared by waiting for another. The outcome is a status, or what happened instead.
"""

import asyncio
import contextlib
import gc
import json
import pathlib
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness.client import Connection, Place, bearer


class Steady:
    def __init__(self, place, key, rate, count, path):
        self.place, self.key, self.path = place, key, path
        self.period, self.count = count / rate, count
        self.seen, self.over = [], asyncio.Event()

    async def run(self):
        connections = [await Connection.open(self.place) for _ in range(self.count)]
        for connection in connections:
            await connection.ask("GET", self.path, bearer(self.key))
        print("open", flush=True)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, connection in enumerate(connections):
                group.create_task(self.ask_on(connection, began + self.period * number / self.count))
            await asyncio.to_thread(sys.stdin.readline)
            self.over.set()
        print(json.dumps(self.seen), flush=True)

    async def ask_on(self, connection, due):
        while not await self.is_over(due - time.monotonic()):
            late, moment = time.monotonic() - due, time.time()
            try:
                connection = connection or await Connection.open(self.place)
                answer = await connection.ask("GET", self.path, bearer(self.key))
                outcome, stays = answer.status, answer.fields.get("connection") != "close"
            except (OSError, EOFError, asyncio.IncompleteReadError, TimeoutError) as error:
                outcome, stays = f"{type(error).__name__} {error}", False
            self.seen.append([moment - late, (time.monotonic() - due) * 1000, outcome])
            if connection and not stays:
                connection.vanish()
                connection = None
            due = max(due + self.period, time.monotonic() - self.period)

    async def is_over(self, patience):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), max(patience, 0.0005))
        return self.over.is_set()


if __name__ == "__main__":
    port, directory, key, rate, count, path = sys.argv[1:]
    gc.disable()  # nothing here has cycles, and a collection would count as the other side's delay
    asyncio.run(Steady(Place(int(port), pathlib.Path(directory)), key, float(rate), int(count), path).run())
