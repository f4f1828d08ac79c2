"""What is sent, and what must come of it: data. A word in braces stands for that user's credential."""

import dataclasses

from http2 import Request, pseudo


@dataclasses.dataclass(frozen=True)
class Case:
    """`sent` are an HTTP/1.1 client's bytes as text, or a `Request` of HTTP/2. `expected` are the conversations that are right, as words:
    statuses in order, `last` for the request sent behind, `end` for a connection that was closed, `left` for a client that did not wait."""

    id: str
    name: str
    sent: object
    expected: tuple
    profile: str = "generic"
    identity: str = "alice"  # None where the backend is told none
    channel: str = "header"  # or "path"
    targets: tuple = ("/case",)
    body: bytes = b""
    arrives: dict = dataclasses.field(default_factory=dict)  # values by folded name
    nominated: tuple = ()  # names that must not arrive
    at_most: int = 1  # requests that the client can be said to have sent
    leaves: bool = False

    @property
    def protocol(self):
        return "h2" if isinstance(self.sent, Request) else "h1"

    @property
    def key(self):
        return "cat-alice" if self.profile == "cat" else "alice"


def expectations(expected):
    return (expected,) if isinstance(expected, str) else tuple(expected)


def raw(id, name, text, expected, **more):
    """Of HTTP/1.1 a refusal of what is malformed ends the connection."""
    closing = {"400 last": "400 end"}
    return Case(id, name, text, tuple(dict.fromkeys(closing.get(words, words) for words in expectations(expected))), **more)


def h1(id, name, lines, expected, method="GET", target="/case", rest="", credential="X-API-Key: {alice}\r\n", **more):
    """A proper head with these lines in it, and whatever follows."""
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{credential}{lines}\r\n{rest}"
    more.setdefault("targets", (target,))
    return raw(id, name, head, expected, **more)


def h2(id, name, fields, expected, method="GET", target="/case", authority="localhost", credential=(("x-api-key", "{alice}"),), start=None, **more):
    """Pseudo fields and a credential, these fields, and what `Request` has beside."""
    request = {part: more.pop(part) for part in ["data", "trailers", "split", "padding"] if part in more}
    more.setdefault("targets", (target,))
    start = pseudo(method, target, authority) if start is None else start
    return Case(id, name, Request([*start, *credential, *fields], **request), expectations(expected), **more)


def both(id, name, fields, expected="200 last", credential=("X-API-Key", "{alice}"), **more):
    """The same over HTTP/1.1 and HTTP/2, whose names are in lower case."""
    lines = "".join(f"{field}: {value}\r\n" for field, value in fields)
    carrier = f"{credential[0]}: {credential[1]}\r\n" if credential else ""
    small = [(field.lower(), value) for field, value in fields]
    carrier_small = [(credential[0].lower(), credential[1])] if credential else []
    return [
        h1(id, name, lines, expected, credential=carrier, **more),
        h2(id, name, small, expected, credential=carrier_small, **more),
    ]
