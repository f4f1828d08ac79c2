"""What the clients of a soak have seen, and which of their failures an injected event explains."""

import asyncio
import collections
import contextlib
import ssl
import time
from typing import NamedTuple

from harness.client import Unexpected

# What a client may see of a backend that is gone: our answers, the end of an answer that had begun, our close code.
OF_AN_OUTAGE = ("502", "504", "WebSocket answered 502", "cut:", "closed: 1011", "HTTP/2 stream reset")
# A request that was sent while the backend came back may be told so a moment later.
AFTERWARDS = 1.0
NETWORK = (OSError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError, Unexpected)


class Failure(NamedTuple):
    role: str
    began: float
    ended: float
    what: str


class Tally:
    def __init__(self):
        self.done = collections.Counter()
        self.failures, self.outages = [], []
        self.running = True

    @contextlib.contextmanager
    def task(self, role):
        """One honest thing to do: done, or a failure."""
        began = time.time()
        try:
            yield
        except NETWORK as error:
            self.fail(role, began, what_happened(error))
        else:
            self.done[role] += 1

    def fail(self, role, began, what, ended=None):
        self.failures.append(Failure(role, began, ended or time.time(), what))

    def expect(self, got, wanted):
        if got != wanted:
            raise Unexpected(f"{got} instead of {wanted}")

    def is_explained(self, failure):
        overlaps = any(failure.began < up + AFTERWARDS and failure.ended > down for down, up in self.outages)
        return overlaps and failure.what.startswith(OF_AN_OUTAGE)

    def unexplained(self):
        return [failure for failure in self.failures if not self.is_explained(failure)]


def what_happened(error):
    if isinstance(error, Unexpected):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    kind = "cut" if isinstance(error, (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError)) else "no connection"
    return f"{kind}: {type(error).__name__} {error}"
