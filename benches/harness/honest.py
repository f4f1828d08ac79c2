"""What became of the requests of a steady client (harness/steady.py)."""

import json
from typing import NamedTuple

from harness.processes import fail, tail
from harness.verdicts import quantile


class Request(NamedTuple):
    moment: float  # when it was due
    took_ms: float
    outcome: int | str

    @property
    def ended(self):
        return self.moment + self.took_ms / 1000

    @property
    def succeeded(self):
        return self.outcome == 200


def requests(client):
    """Ends the client, and has all its requests."""
    client.stdin.write("\n")
    client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        fail(f"a client ended: {tail(client)}")
    return [Request(*told) for told in json.loads(line)]


def within(seen, since, until):
    return [request for request in seen if since <= request.moment < until]


def p99(seen):
    return quantile([request.took_ms for request in seen], 99)


def failed(seen):
    return [request for request in seen if not request.succeeded]


def print_row(name, seen):
    took = [request.took_ms for request in seen]
    print(f"{name:28}{len(seen):9,}{len(failed(seen)):8}{quantile(took, 50):9.1f}{quantile(took, 99):9.1f}{max(took, default=0):9.1f}")


def print_table(rows):
    print(f"{'':28}{'requests':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, seen in rows.items():
        print_row(name, seen)
    for request in failed([request for seen in rows.values() for request in seen])[:5]:
        print(f"  failed: {request.outcome} after {request.took_ms:.0f} ms")
