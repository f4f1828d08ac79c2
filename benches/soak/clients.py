"""The clients of a soak: most are honest, some leave without a word, some have no business here."""

import asyncio
import contextlib
import hashlib
import json
import random

from harness.client import PATIENCE, Connection, Unexpected, WebSocket, bearer
from harness.http2 import Http2
from soak.tally import NETWORK

MIB = 1024 * 1024


class Clients:
    """Each role does one thing; `roles` says how many do so at a time, and how long each pauses afterwards."""

    def __init__(self, place, key, token, tally):
        self.place, self.tally = place, tally
        self.credentials = [bearer(key), bearer(token)]
        self.wrong = ["X-Nothing: here", bearer("wrong-" + "x" * 30), bearer(token[:-4] + "AAAA")]
        self.roles = {
            self.newcomer: (3, 0.1), self.multiplexer: (2, 0.1), self.chatter: (8, 0.1), self.listener: (6, 0.2),
            self.uploader: (1, 0.4), self.downloader: (1, 0.4), self.deserter: (3, 0.1), self.intruder: (2, 0.1),
        }

    async def run(self):
        async with asyncio.TaskGroup() as group:
            for role, (count, pause) in self.roles.items():
                for _ in range(count):
                    group.create_task(self.repeat(role, pause))

    async def repeat(self, role, pause):
        try:
            while self.tally.running:
                await role()
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        finally:
            self.tally.running = False  # a fault of this program ends the others, too

    @contextlib.asynccontextmanager
    async def connection(self):
        connection = await Connection.open(self.place)
        try:
            yield connection
            await connection.close()
        finally:
            connection.vanish()

    async def newcomer(self):
        """A connection for one request."""
        with self.tally.task("new connections"):
            async with self.connection() as connection:
                answer = await connection.ask("GET", "/", random.choice(self.credentials))
                self.expect_status(answer, 200)

    async def multiplexer(self):
        """Some requests at a time, some of which are taken back."""
        with self.tally.task("HTTP/2"):
            connection = await Http2.open(self.place)
            try:
                for _ in range(5):
                    body = random.randbytes(random.randrange(1, 9_000))
                    asked = [connection.ask("GET", "/", random.choice(self.credentials)) for _ in range(4)]
                    asked.append(connection.ask("POST", "/sum", random.choice(self.credentials), body=body))
                    asked = [asyncio.ensure_future(request) for request in asked]
                    extra = asyncio.ensure_future(connection.ask("GET", "/slow/500", self.credentials[0]))
                    await asyncio.sleep(0)
                    stream = max(connection.waiting, default=0)
                    answers = await asyncio.gather(*asked, return_exceptions=True)
                    connection.reset(stream)
                    extra.cancel()
                    for answer in answers:
                        if isinstance(answer, BaseException):
                            raise answer
                        self.expect_status(answer, 200)
                    self.tally.expect(json.loads(answers[-1].body)["sha256"], hashlib.sha256(body).hexdigest())
            finally:
                await connection.close()

    async def chatter(self):
        """A WebSocket with a few messages, which is closed in order, or vanishes."""
        with self.tally.task("WebSockets"):
            socket = await WebSocket.open(self.place, "/ws", random.choice(self.credentials))
            try:
                for _ in range(random.randrange(1, 8)):
                    await socket.echo(random.choice([b"how many paws", b"x" * 200, b"y" * 70_000]))
                    await asyncio.sleep(0.05)
                if random.random() < 0.6:
                    await socket.leave()
            finally:
                socket.vanish()

    async def listener(self):
        """An event stream, read to its end or left in the middle."""
        with self.tally.task("event streams"):
            count = random.randrange(5, 25)
            async with self.connection() as connection, asyncio.timeout(2 * PATIENCE):
                connection.send("GET", f"/events/{count}", random.choice(self.credentials))
                head = await connection.head()
                self.tally.expect(head.status, 200)
                heard, leave_after = 0, random.choice([count // 2, None])
                async for piece in connection.pieces(head):
                    heard += piece.count(b"data: ")
                    if heard == leave_after:
                        connection.vanish()
                        return
                self.tally.expect(heard, count)

    async def uploader(self):
        """Some MiB up, and their digest back."""
        with self.tally.task("uploads"):
            body = random.randbytes(random.randrange(MIB, 4 * MIB))
            async with self.connection() as connection:
                answer = await connection.ask("POST", "/sum", random.choice(self.credentials), body=body)
                self.expect_status(answer, 200)
                self.tally.expect(json.loads(answer.body)["sha256"], hashlib.sha256(body).hexdigest())

    async def downloader(self):
        """Some MiB down."""
        with self.tally.task("downloads"):
            size = random.randrange(MIB, 4 * MIB)
            async with self.connection() as connection:
                answer = await connection.ask("GET", f"/bytes/{size}", random.choice(self.credentials))
                self.expect_status(answer, 200)
                self.tally.expect(len(answer.body), size)

    async def deserter(self):
        """Leaves in the middle of a handshake, a head, a body or an answer. Nothing is expected; it must leave no trace."""
        with contextlib.suppress(*NETWORK):
            connection = await Connection.open(self.place)
            kind = random.choice(["handshake", "head", "body", "answer"])
            if kind == "head":
                connection.writer.write(b"GET / HTTP/1.1\r\nHost: local")
            elif kind == "body":
                connection.send("POST", "/sum", self.credentials[0], "Transfer-Encoding: chunked")
                connection.writer.write(b"10000\r\n" + bytes(5000))
            elif kind == "answer":
                connection.send("GET", f"/bytes/{64 * MIB}", self.credentials[0])
                await asyncio.wait_for(connection.head(), PATIENCE)
            await asyncio.sleep(random.uniform(0, 0.1))
            connection.vanish()
            self.tally.done["desertions"] += 1

    async def intruder(self):
        """Is refused, whatever else happens: nobody is let in while things change."""
        with self.tally.task("refusals"):
            async with self.connection() as connection:
                for wrong in self.wrong:
                    answer = await connection.ask("GET", "/", wrong)
                    self.expect_status(answer, 401)
            try:
                await WebSocket.open(self.place, "/ws", random.choice(self.wrong))
            except Unexpected as refused:
                self.tally.expect(str(refused), "WebSocket answered 401")
            else:
                raise Unexpected("a WebSocket was opened with a wrong credential")

    def expect_status(self, answer, status):
        if answer.status != status:
            raise Unexpected(f"{answer.status} instead of {status}: {answer.body[:80]!r}")
