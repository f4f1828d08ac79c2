"""A client of HTTP/2 that sends whatever it is given and keeps to nothing."""

import dataclasses
import struct

import hpack
from http1 import LAST_STATUS, LAST_TARGET, Answer, Heard
from wire import Tls

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
ERRORS = {0: "NO_ERROR", 1: "PROTOCOL_ERROR", 2: "INTERNAL_ERROR", 5: "STREAM_CLOSED", 7: "REFUSED_STREAM", 8: "CANCEL",
          9: "COMPRESSION_ERROR", 11: "ENHANCE_YOUR_CALM", 13: "HTTP_1_1_REQUIRED"}


@dataclasses.dataclass
class Request:
    """Fields as they are put, and how they are cut."""

    fields: list
    data: list = dataclasses.field(default_factory=list)
    trailers: list = None
    split: int = None  # bytes of the header block in each frame
    first: int = None  # bytes of it in the first of two frames
    padding: int = None  # bytes in each frame of data


class Http2:
    def __init__(self, stage, profile="generic"):
        self.connection = Tls(stage, profile, "h2")
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.next_stream, self.buffer = 1, b""
        self.connection.write(PREFACE + frame(SETTINGS, 0, 0, b""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.socket.close()

    def send(self, request):
        """Puts a request on the next stream."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        bare = not request.data and request.trailers is None
        self.connection.write(self._block(stream, request.fields, END_STREAM if bare else 0, request))
        for number, piece in enumerate(request.data):
            last = number == len(request.data) - 1 and request.trailers is None
            self.connection.write(data_frame(stream, piece, END_STREAM if last else 0, request.padding))
        if request.trailers is not None:
            self.connection.write(self._block(stream, request.trailers, END_STREAM, request))
        return stream

    def _block(self, stream, fields, flags, request):
        block = self.encoder.encode([(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields])
        if request.first is not None:
            pieces = [block[: request.first], block[request.first :]]
        else:
            size = request.split or max(len(block), 1)
            pieces = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
        kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
        ends = [0] * (len(pieces) - 1) + [END_HEADERS]
        return b"".join(
            frame(kind, end | (flags if kind == HEADERS else 0), stream, piece) for kind, end, piece in zip(kinds, ends, pieces)
        )

    def outcome(self, stream):
        """An answer, or a word for how the stream or the connection ended."""
        answer = None
        while True:
            if (received := self._frame()) is None:
                return "end"
            kind, flags, on, payload = received
            if kind == GOAWAY:
                return f"GOAWAY:{code(payload[4:8])}"
            if on != stream:
                self._answer_settings(kind, flags, payload)
            elif kind == RST_STREAM:
                # The rest of what was sent is no longer wanted: the answer stands.
                return answer if answer and answer.complete else f"RST:{code(payload)}"
            elif kind == HEADERS:
                answer = Streamed.of(self.decoder.decode(payload))
                answer.complete = bool(flags & END_STREAM)
            elif kind == DATA:
                answer.body += payload
                answer.complete = bool(flags & END_STREAM)
            if answer and answer.complete:
                return answer

    def _answer_settings(self, kind, flags, payload):
        if kind == SETTINGS and not flags & ACK:
            self.connection.write(frame(SETTINGS, ACK, 0, b""))
        if kind == PING and not flags & ACK:
            self.connection.write(frame(PING, ACK, 0, payload))

    def _frame(self):
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3]):
            if not (piece := self.connection.read()):
                return None
            self.buffer += piece
        length = int.from_bytes(self.buffer[:3])
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
        return kind, flags, stream & 0x7FFFFFFF, payload


class Streamed(Answer):
    complete = False

    @classmethod
    def of(cls, fields):
        headers = [(str(name), str(value)) for name, value in fields]
        return cls(int(dict(headers)[":status"]), [pair for pair in headers if pair[0] != ":status"])


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def data_frame(stream, piece, flags, padding):
    if padding is None:
        return frame(DATA, flags, stream, piece)
    return frame(DATA, flags | PADDED, stream, bytes([padding]) + piece + bytes(padding))


def code(four_bytes):
    number = int.from_bytes(four_bytes)
    return ERRORS.get(number, str(number))


def pseudo(method, target, authority="localhost"):
    fields = [(":method", method), (":scheme", "https"), (":path", target)]
    return fields + ([(":authority", authority)] if authority is not None else [])


def converse(stage, request, key, profile="generic"):
    """Sends the request, and behind it one that must find the connection as it was left."""
    heard = Heard([], [])
    last = Request(pseudo("GET", LAST_TARGET) + [("x-api-key", key)])
    with Http2(stage, profile) as client:
        try:
            for sent in [request, last]:
                outcome = client.outcome(client.send(sent))
                if isinstance(outcome, str):
                    heard.words.append(outcome)
                    if not outcome.startswith("RST"):
                        break
                else:
                    heard.answers.append(outcome)
                    heard.words.append("last" if outcome.status == LAST_STATUS else str(outcome.status))
        except TimeoutError:
            heard.words.append("silence")
    return heard
