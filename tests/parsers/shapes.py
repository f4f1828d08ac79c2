"""One outcome: however a request is cut into segments, records, chunks and frames, it is answered in one way and arrives as one request."""

import dataclasses

import http1
import http2
import invariants
from http2 import Request, pseudo
from wire import Tls

SMALL, LARGE = b"a body of some length", bytes(range(256)) * 80
# Cutting each byte off is for what is short.
SHORT = 400


@dataclasses.dataclass
class Asked:
    name: str
    method: str
    target: str
    fields: list
    status: int
    body: bytes = b""
    host: str = "localhost"


KEY = ("x-api-key", "{alice}")
SPOOFED = [KEY, ("user_id", "evil"), ("user-id", "evil"), ("x-forwarded-for", "6.6.6.6"), ("cookie", "a=1"), ("x-own", "kept")]
REQUESTS = [
    Asked("a GET", "GET", "/shape?x=1", [KEY, ("x-own", "kept")], 200),
    Asked("a POST with another's name", "POST", "/shape", SPOOFED, 200, SMALL),
    Asked("a bearer token", "GET", "/shape?token={alice-token}&x=1", [("authorization", "Bearer {alice-token}")], 200),
    Asked("a large body", "PUT", "/shape", [KEY], 200, LARGE),
    Asked("a body on a GET", "GET", "/shape", [KEY], 200, SMALL),
    Asked("no credential", "POST", "/shape", [("user_id", "evil")], 401, SMALL),
    Asked("two credentials", "POST", "/shape", [KEY, ("authorization", "Bearer {bob-token}")], 400, SMALL),
    Asked("a path with dots", "GET", "/a/../shape", [KEY], 400),
    Asked("TRACE", "TRACE", "/shape", [KEY], 405),
    Asked("another host", "GET", "/shape", [KEY], 421, host="evil.example"),
]


def run(stage, report):
    for asked in REQUESTS:
        asked = filled(asked, stage)
        first = None
        for shape, outcome in outcomes(asked, stage):
            first = first or outcome
            wrong = different(asked, outcome, first)
            report(f"{asked.name}, {shape}", wrong, sent=(asked, shape))


def filled(asked, stage):
    fields = [(name, stage.fill(value).decode()) for name, value in asked.fields]
    return dataclasses.replace(asked, target=stage.fill(asked.target).decode(), fields=fields)


def different(asked, outcome, first):
    """What is wrong with an outcome, and how it differs from that of the first shape."""
    (status, _, _), requests, wrong = outcome
    wrong = list(wrong)
    if status != asked.status:
        wrong.append(f"answered {status}, expected {asked.status}")
    if len(requests) != (asked.status == 200):
        wrong.append(f"{len(requests)} requests at the backend")
    if outcome[:2] != first[:2]:
        wrong.append(f"{outcome[:2]}\n    differs from {first[:2]}")
    return wrong


def outcomes(asked, stage):
    """Every shape by name, and what came of it."""
    for name, pieces, segment in over_http1(asked):
        yield f"h1 {name}", settled(stage, lambda: answer_http1(stage, pieces, segment, asked.method))
    for name, request, write in over_http2(asked):
        yield f"h2 {name}", settled(stage, lambda: answer_http2(stage, request, write))


def settled(stage, ask):
    """The answer, the requests as they arrived, and what is wrong with these whatever the shape."""
    answer, records = ask(), stage.news()
    wrong = [text for record in records if "method" in record for text in invariants.of_request(record, "alice", stage.secrets)]
    requests = [as_arrived(record) for record in records]
    if isinstance(answer, str) or answer is None:
        return (answer, [], b""), requests, wrong
    status, headers, body = answer.lasting()
    return (status, [pair for pair in headers if pair[0] != "connection"], body), requests, wrong


def as_arrived(record):
    """A request without what tells of its framing and its number."""
    if "method" not in record:
        return record
    values = invariants.folded(record)
    for name in ["content-length", "transfer-encoding", "x-request-id"]:
        values.pop(name, None)
    return record["method"], record["target"], values, record["length"], record["sha256"]


def answer_http1(stage, pieces, segment, method):
    with Tls(stage) as connection:
        for piece in pieces:
            connection.write(piece, segment)
        return http1.Reader(connection).answer(method.encode())


def over_http1(asked):
    start = f"{asked.method} {asked.target} HTTP/1.1\r\nhost: {asked.host}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in asked.fields)
    length = f"content-length: {len(asked.body)}\r\n" if asked.body else ""
    whole = f"{start}{length}\r\n".encode() + asked.body
    yield "whole", [whole], None
    if len(whole) < SHORT:
        yield "one byte a segment", [whole], 1
        yield "one byte a record", [bytes([byte]) for byte in whole], None
        yield "one byte a record and segment", [bytes([byte]) for byte in whole], 1
        for at in range(1, len(whole)):
            yield f"cut at {at}", [whole[:at], whole[at:]], None
    for size in [2, 3, 7, 100]:
        if len(whole) // size < SHORT:
            yield f"{size} bytes a record", [whole[at : at + size] for at in range(0, len(whole), size)], None
    if asked.body:
        head = f"{start}transfer-encoding: chunked\r\n\r\n".encode()
        for size in [1, 2, 3, 7, 16, 1000, len(asked.body)]:
            if len(asked.body) // size > SHORT:
                continue
            chunks = http1.chunked(asked.body, size)
            yield f"chunks of {size}", [head + chunks], None
            if len(chunks) < SHORT:
                yield f"chunks of {size}, one byte a record", [bytes([byte]) for byte in head + chunks], None
        yield "head and body apart", [head, chunks], None


def over_http2(asked):
    fields = [*pseudo(asked.method, asked.target, asked.host), *asked.fields]
    data = [asked.body] if asked.body and len(asked.body) < 16000 else [asked.body[at : at + 9000] for at in range(0, len(asked.body), 9000)]
    whole = Request(fields, data)
    yield "whole", whole, None
    if asked.body:
        yield "with a length", dataclasses.replace(whole, fields=[*fields, ("content-length", str(len(asked.body)))]), None
        yield "trailers", dataclasses.replace(whole, trailers=[("user_id", "evil")]), None
        yield "an empty last frame", dataclasses.replace(whole, data=[*data, b""]), None
        for size in [1, 7, 1000]:
            if len(asked.body) // size < SHORT:
                yield f"{size} bytes a frame", dataclasses.replace(whole, data=[asked.body[at : at + size] for at in range(0, len(asked.body), size)]), None
        for padding in [0, 1, 100, 255]:
            yield f"padding of {padding}", dataclasses.replace(whole, padding=padding), None
    for first in range(0, 150, 2):
        yield f"CONTINUATION after {first} bytes", dataclasses.replace(whole, first=first), None
    for size in [60, 80, 100]:
        yield f"frames of {size} bytes", dataclasses.replace(whole, split=size), None
    if len(asked.body) < SHORT:
        yield "one byte a segment", whole, 1
        yield "one byte a record", whole, "records"


def answer_http2(stage, request, write):
    with http2.Http2(stage) as client:
        plain = client.connection.write
        if write == 1:
            client.connection.write = lambda data: plain(data, 1)
        elif write:
            client.connection.write = lambda data: [plain(bytes([byte])) for byte in data]
        return client.outcome(client.send(request))
