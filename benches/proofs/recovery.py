"""Overload is shed and leaves no mark: too many connections, and too many requests of one user.

With `limits.connections = 300`, three times as many clients connect and stay; those beyond the limit are closed at once, those within
go on. Then one user asks more often than `limits.requests_per_user` allows and gets 429 with Retry-After, while another is
served. Soon after the end of each, service is full again: twenty connections, and a request on each, succeed.
"""

import asyncio
import contextlib
import time

from harness.client import PATIENCE, Connection, bearer
from harness.floods import ENDS
from harness.honest import failed, print_table, requests, within
from harness.processes import progress
from harness.settings import fresh_key

LIMIT, CROWD, RECOVERED_BAR, SHED_BAR = 300, 900, 5.0, 2.0
# A user may ask so often in two seconds; the flood asks much more.
ALLOWED, PERIOD, ASKERS = 200, 2, 20
HONEST = 10


def declare(parser):
    parser.add_argument("--seconds", type=int, default=5, help="of each overload")


def prove(stage, options):
    staying = fresh_key()
    stage.limits |= {"connections": LIMIT, "requests_per_user": f"{ALLOWED}/{PERIOD}s", "tls_handshake": "60s"}
    stage.serve(staying)
    # The honest client is another user than those who ask too often, and within what a user may.
    honest, began = stage.steady(ALLOWED / PERIOD / 2, HONEST), time.time()
    progress(f"{CROWD} connections where {LIMIT} may be")
    shed, crowded = asyncio.run(crowd(stage, options.seconds))
    refused = stage.metric("doorward_connections_refused_total")
    progress(f"more than {ALLOWED} requests in {PERIOD} s")
    outcomes, bare, freed = asyncio.run(pester(stage, staying, options.seconds))
    seen = requests(honest)
    print(f"\n{CROWD} connections at once: {len(shed)} closed, the last after {max(shed, default=0):.2f} s; full service {crowded:.2f} s after they left")
    print(f"one user, {ASKERS} connections: " + ", ".join(f"{outcomes.count(kind):,} × {kind}" for kind in sorted(set(outcomes), key=str))
          + f"; full service {freed:.2f} s after")
    print_table({"the honest, meanwhile": within(seen, began, time.time())})
    beyond = CROWD + HONEST - LIMIT
    return [
        (f"recovery: {len(shed)} of {beyond} connections beyond the limit were closed, after {max(shed, default=0):.2f} s at most (bar: all, ≤ {SHED_BAR:.0f})",
         len(shed) == beyond and max(shed) <= SHED_BAR),
        (f"recovery: {refused:.0f} connections refused, say the metrics (bar: {beyond} at least)", refused >= beyond),
        (f"recovery: full service {crowded:.2f} s after the crowd left (bar: ≤ {RECOVERED_BAR:.0f})", crowded <= RECOVERED_BAR),
        (f"recovery: who asked too often got {sorted(set(outcomes), key=str)}, {bare} times without Retry-After (bar: 200 and 429, 0)",
         set(outcomes) == {200, 429} and bare == 0),
        (f"recovery: full service {freed:.2f} s after the user stopped (bar: ≤ {RECOVERED_BAR:.0f})", freed <= RECOVERED_BAR),
        (f"recovery: {len(failed(seen))} of {len(seen):,} requests of the honest failed meanwhile (bar: 0)", bool(seen) and not failed(seen)),
    ]


async def crowd(stage, seconds):
    """How long each connection lived that was closed, and how soon after all had left service was full."""
    lives, place = [], stage.place()

    async def come():
        connection = await Connection.open(place, ssl=None)
        since = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connection.ended(), seconds)
            lives.append(time.monotonic() - since)
        connection.vanish()

    await asyncio.gather(*(come() for _ in range(CROWD)))
    return lives, await until_full(place, stage.key)


async def pester(stage, key, seconds):
    """What a user got that asked without a pause, how often Retry-After was missing, and how soon it was served again."""
    outcomes, bare, until, place = [], 0, time.monotonic() + seconds, stage.place()

    async def ask():
        nonlocal bare
        connection = await Connection.open(place)
        while time.monotonic() < until:
            answer = await connection.ask("GET", "/", bearer(key))
            outcomes.append(answer.status)
            bare += answer.status == 429 and "retry-after" not in answer.fields
            await asyncio.sleep(0.01)
        connection.vanish()

    await asyncio.gather(*(ask() for _ in range(ASKERS)))
    return outcomes, bare, await until_full(place, key)


async def until_full(place, key):
    """Seconds until twenty new connections at once are each answered 200; asked for more slowly than a user may ask."""
    since = time.monotonic()

    async def served():
        connection = await Connection.open(place)
        try:
            return (await connection.ask("GET", "/", bearer(key))).status
        finally:
            connection.vanish()

    while time.monotonic() - since < 3 * PATIENCE:
        with contextlib.suppress(*ENDS):
            if set(await asyncio.gather(*(served() for _ in range(ASKERS)))) == {200}:
                return time.monotonic() - since
        await asyncio.sleep(1.5 * ASKERS * PERIOD / ALLOWED)
    return float("inf")
