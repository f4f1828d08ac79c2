"""Hostile clients, each bounded in number and rate. A flood runs until it is cancelled, and counts what it did: `done`, and what
came of it that should not have: `surprises`."""

import asyncio
import collections
import contextlib
import logging
import ssl
import time

from harness.client import Connection, bearer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, RST_STREAM = 4, 1, 3
CANCEL, RESETS_AT_ONCE = b"\0\0\0\x08", 50
# RFC 7541 §6.1 and §6.2.2: GET, https, / and :authority localhost, all from the static table.
GET = b"\x82\x87\x84\x01\x09localhost"
ENDS = (OSError, EOFError, TimeoutError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
# The whole TLS record of a ClientHello would be longer than this says: the server waits for the rest.
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)
# Each byte that a server no longer takes would be a line of complaint.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


class Floods:
    def __init__(self, place):
        self.place, self.done, self.surprises = place, collections.Counter(), collections.Counter()
        self.tasks, self.faults = set(), []

    def start(self, activity):
        task = asyncio.create_task(activity)
        self.tasks.add(task)
        task.add_done_callback(self.forget)

    def forget(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.faults.append(task.exception())

    async def stop(self):
        """Cancels everything, and again what has missed it: wait_for loses a cancellation that comes with the end of what it waits for."""
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(self.tasks, timeout=0.2)
        if self.faults:
            raise self.faults[0]

    async def each(self, rate, action):
        """Starts the action at this rate; those that are slow overlap, 100 at most."""
        room, due = asyncio.Semaphore(100), time.monotonic()
        while True:
            due += 1 / rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            await room.acquire()
            self.start(self.once(action, room))

    async def once(self, action, room):
        with contextlib.suppress(*ENDS):
            await asyncio.wait_for(action(), 15)
        room.release()

    async def keep(self, count, action):
        """So many at a time, each begun again when it was ended."""
        async def again():
            while True:
                with contextlib.suppress(*ENDS):
                    await action()
                await asyncio.sleep(0.5)

        for _ in range(count):
            self.start(again())
            await asyncio.sleep(0.005)

    async def slowloris(self):
        """A head that never ends, a byte every five seconds."""
        connection = await Connection.open(self.place)
        try:
            connection.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            self.done["slow heads"] += 1
            while not await self.is_ended(connection, 5):
                connection.writer.write(b"x")
        finally:
            connection.vanish()

    async def half_handshake(self):
        """The beginning of a ClientHello, and silence."""
        connection = await Connection.open(self.place, ssl=None)
        try:
            connection.writer.write(HALF_HELLO)
            self.done["half handshakes"] += 1
            await connection.ended()
        finally:
            connection.vanish()

    async def bad_tokens(self):
        connection = await Connection.open(self.place)
        try:
            for number in range(10):
                answer = await connection.ask("GET", "/", bearer(f"nobody-{number}-{time.time()}"))
                self.count("wrong tokens", answer.status, (401, 429))
        finally:
            connection.vanish()

    async def large_head(self):
        connection = await Connection.open(self.place)
        try:
            connection.send("GET", "/", *(f"X-Large-{number}: {'x' * 1000}" for number in range(90)))
            self.count("large heads", (await connection.head()).status, (431,))
        finally:
            connection.vanish()

    async def churn(self):
        """A handshake, and gone."""
        (await Connection.open(self.place)).vanish()
        self.done["dropped connections"] += 1

    async def rapid_reset(self, streams=2000):
        """Requests that are taken back at once (CVE-2023-44487), until GOAWAY."""
        connection = await Connection.open(self.place, ssl=self.place.context("h2"))
        try:
            ended = asyncio.create_task(connection.ended())
            connection.writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
            for first in range(1, 2 * streams, 2 * RESETS_AT_ONCE):
                pairs = [frame(HEADERS, 5, stream, GET) + frame(RST_STREAM, 0, stream, CANCEL) for stream in range(first, first + 2 * RESETS_AT_ONCE, 2)]
                connection.writer.write(b"".join(pairs))
                await connection.writer.drain()
                self.done["rapid resets"] += RESETS_AT_ONCE
                # What is written after the end goes nowhere.
                if ended.done():
                    break
                await asyncio.sleep(0.01)
            await ended
        finally:
            connection.vanish()

    def count(self, name, status, expected):
        self.done[name] += 1
        if status not in expected:
            self.surprises[f"{name} answered {status}"] += 1

    @staticmethod
    async def is_ended(connection, patience):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connection.ended(), patience)
            return True
        return False


def frame(kind, flags, stream, payload):
    """RFC 9113 §4.1."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload
