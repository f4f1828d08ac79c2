"""A client of HTTP/1.1 that sends whatever it is given and keeps to nothing."""

import dataclasses

from wire import Tls

# What tells the answer to the request that is sent behind a case.
LAST_STATUS = 299
LAST_TARGET = f"/?answer={LAST_STATUS}"


@dataclasses.dataclass
class Answer:
    status: int
    headers: list
    body: bytes = b""

    @property
    def by_backend(self):
        return ("x-backend", "seen") in self.headers

    def lasting(self):
        """Without what differs from one answer to the next."""
        return self.status, sorted(pair for pair in self.headers if pair[0] not in ["x-request-id", "date"]), self.body


@dataclasses.dataclass
class Heard:
    """What came back: words for a reader, and the answers."""

    words: list
    answers: list

    @property
    def accepted(self):
        """Answers of the backend, the last request's apart."""
        return sum(answer.by_backend and answer.status != LAST_STATUS for answer in self.answers)

    @property
    def said(self):
        return " ".join(self.words)


class Reader:
    """Answers, one after the other."""

    def __init__(self, connection):
        self.connection, self.buffer = connection, b""

    def answer(self, to=b"GET"):
        """The next one, or nothing when the connection has ended."""
        if (head := self._until(b"\r\n\r\n")) is None:
            return None
        start, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        answer = Answer(int(start.split(" ")[1]), pairs)
        headers = dict(pairs)
        if to != b"HEAD" and answer.status >= 200 and answer.status not in (204, 304):
            if headers.get("transfer-encoding") == "chunked":
                answer.body = self._chunks()
            else:
                answer.body = self._exactly(int(headers.get("content-length", 0))) or b""
        return answer

    def _chunks(self):
        body = b""
        while (line := self._until(b"\r\n")) and (size := int(line, 16)):
            body += self._exactly(size + 2)[:-2]
        self._until(b"\r\n")
        return body

    def _until(self, mark):
        while mark not in self.buffer:
            if not (piece := self.connection.read()):
                return None
            self.buffer += piece
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, size):
        while len(self.buffer) < size:
            if not (piece := self.connection.read()):
                return None
            self.buffer += piece
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found


def converse(stage, pieces, key, profile="generic", segment=None):
    """Sends the pieces, a record each, and after the first answer a request that must find the connection as it was left."""
    heard = Heard([], [])
    with Tls(stage, profile) as connection:
        for piece in pieces:
            connection.write(piece, segment)
        reader, method = Reader(connection), b"".join(pieces).split(b" ")[0]
        sent_last = False
        try:
            while answer := reader.answer(method):
                final = answer.status >= 200
                heard.answers.append(answer)
                heard.words.append("last" if answer.status == LAST_STATUS else str(answer.status))
                method = b"GET" if final else method
                if final and not sent_last:
                    sent_last = True
                    connection.write(proper("GET", LAST_TARGET, key))
        except TimeoutError:
            heard.words.append("silence")
    # The end behind the last request was asked for.
    if heard.words[-1:] not in (["last"], ["silence"]):
        heard.words.append("end")
    return heard


def leave(stage, pieces, profile="generic"):
    """Sends the pieces and is gone."""
    with Tls(stage, profile) as connection:
        for piece in pieces:
            connection.write(piece)
    return Heard(["left"], [])


def ask(stage, target, key, profile="generic", method="GET"):
    """A proper request on a connection of its own, and its answer."""
    with Tls(stage, profile) as connection:
        connection.write(proper(method, target, key))
        return Reader(connection).answer(method.encode())


def proper(method, target, key):
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n".encode()


def chunked(body, size):
    """The body in chunks of this size."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

