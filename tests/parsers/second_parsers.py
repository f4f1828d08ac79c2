"""What h11 and httptools, which have nothing of doorward's in them, make of the same bytes."""

import dataclasses
import re

import h11
import httptools


@dataclasses.dataclass
class Parsed:
    method: bytes
    target: bytes
    body: bytes = b""
    refused: bool = False


@dataclasses.dataclass
class Reading:
    """Whole requests in order, and what stands behind them: `end`, `error`, `more` where one has begun, `closed` where nothing counts."""

    requests: list
    behind: str
    reason: str = ""


def by_h11(data):
    """As a server that answers each request would read a connection's bytes. Two liberties, both doorward's too: empty lines before a
    request are passed over (RFC 9112 §2.2), and one with no host or two is refused without the end of the connection."""
    reading = Reading([], "end")
    while data := re.sub(rb"^(\r?\n)+", b"", data):
        try:
            request, reading.behind, behind = _one(data)
        except h11.RemoteProtocolError as error:
            reading.behind, reading.reason = "error", str(error)
            if "Host: header" not in reading.reason:
                return reading
            try:
                request, reading.behind, behind = _one(_with_a_host(data), refused=True)
            except h11.RemoteProtocolError:
                return reading
        if request:
            reading.requests.append(request)
        if reading.behind != "end":
            return reading
        data = behind
    return reading


def _with_a_host(data):
    """The request as it would be with one proper host."""
    head, blank, rest = re.match(rb"(.*?\n)(\r?\n)(.*)", data, re.DOTALL).groups()
    start, *lines = re.sub(rb"(?im)^host:.*\n", b"", head).splitlines(keepends=True)
    return b"".join([start, b"Host: localhost\r\n", *lines, blank, rest])


def _one(data, refused=False):
    """A request if there is a whole one, what follows in a word, and the bytes that do."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20)
    connection.receive_data(data)
    request = connection.next_event()
    if request is h11.NEED_DATA:
        return None, "more", b""
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    if not isinstance(event, h11.EndOfMessage):
        return None, "more", b""
    # A server that changes to no other protocol goes on as ever; and after HTTP/1.0, if the client asks for it (RFC 9112 §9.3).
    options = b",".join(value for name, value in request.headers if name == b"connection").lower().replace(b" ", b"").split(b",")
    asked = request.http_version == b"1.0" and b"keep-alive" in options and b"close" not in options
    goes_on = asked or connection.their_state in [h11.DONE, h11.MIGHT_SWITCH_PROTOCOL]
    return Parsed(request.method, request.target, body, refused), "end" if goes_on else "closed", connection.trailing_data[0]


# A method that it does not know is a malformed request to httptools; to RFC 9110 §9.1, and to us, it is any token.
KNOWN_TO_HTTPTOOLS = {b"GET", b"POST", b"PUT", b"OPTIONS", b"DELETE", b"HEAD", b"PATCH"}


class _Collector:
    def __init__(self):
        self.requests, self.target, self.body = [], b"", b""

    def on_message_begin(self):
        self.target = self.body = b""

    def on_url(self, url):
        self.target += url

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.requests.append(Parsed(self.parser.get_method(), self.target, self.body))


def by_httptools(data):
    collector = _Collector()
    while data:
        collector.parser = httptools.HttpRequestParser(collector)
        try:
            collector.parser.feed_data(data)
            break
        except httptools.HttpParserUpgrade as upgrade:
            data = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            return Reading(collector.requests, "error", str(error))
    return Reading(collector.requests, "end")
