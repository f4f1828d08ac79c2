"""A client of HTTP/2 with many streams at a time, on the h2 package."""

import asyncio
import contextlib

from harness.client import PATIENCE, Answer, Unexpected
from harness.packages import require

require("h2==4.4.1")

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError


class Http2:
    """One connection."""

    @classmethod
    async def open(cls, place):
        self = cls()
        options = {"ssl": place.context("h2"), "server_hostname": "localhost"}
        async with asyncio.timeout(PATIENCE):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", place.port, **options)
        self.protocol = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.protocol.initiate_connection()
        self.waiting, self.heads, self.bodies = {}, {}, {}
        self.flush()
        self.reading = asyncio.create_task(self.read())
        return self

    async def ask(self, method, path, *fields, body=b""):
        stream = self.protocol.get_next_available_stream_id()
        own = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in fields)]
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *own]
        self.waiting[stream], self.bodies[stream] = asyncio.get_running_loop().create_future(), bytearray()
        self.protocol.send_headers(stream, head, end_stream=not body)
        if body:
            self.protocol.send_data(stream, body, end_stream=True)  # a few frames at most: the windows hold 64 KiB
        self.flush()
        try:
            return await asyncio.wait_for(self.waiting[stream], PATIENCE)
        finally:
            for table in (self.waiting, self.heads, self.bodies):
                table.pop(stream, None)

    def flush(self):
        self.writer.write(self.protocol.data_to_send())

    async def read(self):
        end = ConnectionResetError("the HTTP/2 connection ended")
        try:
            while data := await self.reader.read(65536):
                for event in self.protocol.receive_data(data):
                    self.take(event)
                self.flush()
        except OSError as error:
            end = error
        except ProtocolError as error:
            end = Unexpected(f"HTTP/2 {type(error).__name__}: {error}")
        for stream in list(self.waiting):
            self.settle(stream, end)

    def take(self, event):
        if isinstance(event, ResponseReceived):
            self.heads[event.stream_id] = dict(event.headers)
        elif isinstance(event, DataReceived):
            self.protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self.bodies:
                self.bodies[event.stream_id] += event.data
        elif isinstance(event, StreamEnded):
            fields = self.heads.get(event.stream_id, {":status": 0})
            self.settle(event.stream_id, Answer(int(fields[":status"]), fields, bytes(self.bodies.get(event.stream_id, b""))))
        elif isinstance(event, StreamReset):
            self.settle(event.stream_id, Unexpected(f"HTTP/2 stream reset with {event.error_code}"))
        elif isinstance(event, ConnectionTerminated) and event.error_code:
            for stream in list(self.waiting):
                self.settle(stream, Unexpected(f"HTTP/2 GOAWAY {event.error_code}"))

    def settle(self, stream, outcome):
        future = self.waiting.get(stream)
        if future and not future.done():
            future.set_exception(outcome) if isinstance(outcome, Exception) else future.set_result(outcome)

    def reset(self, stream):
        """Takes a request back that is not answered yet."""
        if stream not in self.waiting or self.waiting[stream].done():
            return
        self.protocol.reset_stream(stream, 8)
        self.flush()

    async def close(self):
        self.protocol.close_connection()
        self.flush()
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), PATIENCE)
        self.reading.cancel()
