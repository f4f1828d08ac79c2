"""Event streams come through at once, and readers that stop reading cost little.

A hundred clients ask for 1 GiB each and stop reading; when nothing moves any more, the memory that they added is counted,
and after they have gone, how soon the backend is let go. Then ten clients hear events through doorward and ten directly
from the backend; each event goes to all at the same moment. What doorward adds is the difference between the two arrivals,
first on an idle machine, three times, then beside a load of requests. Of the three the median counts: the clients' own TLS
is part of each figure, and the neighbours of a shared machine are, too.
"""

import asyncio
import json
import statistics
import time

from harness.client import PATIENCE, Connection, Place, bearer
from harness.leaks import sample
from harness.probes import ask
from harness.processes import progress
from harness.settings import fresh_key
from harness.verdicts import quantile

IDLE_BAR_MS, BUSY_BAR_MS, STALLED_BAR_MIB, RELEASED_BAR = 5.0, 50.0, 1.0, 1.0
LISTENERS, SPARE, GIB = 10, 20, 1024**3
# Nothing was taken from the backend for so long: everything in between is full.
STILL = 1.0
ROUNDS = 3


def declare(parser):
    parser.add_argument("--events", type=int, default=300, help="each stream's, a tenth of a second apart")
    parser.add_argument("--readers", type=int, default=100, help="that stop reading")
    parser.add_argument("--connections", type=int, default=64, help="of the load of requests")
    parser.add_argument("--pause", type=int, default=20, help="ms after each of its answers")


def prove(stage, options):
    stage.behave()
    # A reader that stops would be ended after this, and it must live to be weighed.
    stage.limits |= {"write_stall": "600s"}
    stage.serve(fresh_key())
    # First of all: what others leave behind would be counted as given back.
    progress(f"{options.readers} readers that stop")
    each, taken, released = asyncio.run(stall(stage, options.readers))
    progress("event streams on an idle machine")
    rounds = [asyncio.run(listen(stage, options.events)) for _ in range(ROUNDS)]
    quiet = statistics.median(quantile(added, 99) for added in rounds)
    progress("event streams beside a load")
    load = stage.requests(options.connections, options.pause)
    busy = asyncio.run(listen(stage, options.events))
    succeeded, failed, *_ = ask(load, "")
    print(f"\nwhat doorward adds to each event; beside {succeeded:,} requests on {options.connections} connections ({failed} failed)")
    print(f"{'':28}{'events':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, added in [*(("idle", added) for added in rounds), ("beside a load", busy)]:
        print(f"{name:28}{len(added):9,}{statistics.median(added):9.2f}{quantile(added, 99):9.2f}{max(added):9.2f}")
    print(f"{options.readers} readers of 1 GiB that stopped: {each:.2f} MiB each, after {taken / 1024**2:.2f} MiB each had left the backend; "
          f"released {released:.2f} s after they left")
    expected = options.events * LISTENERS * (ROUNDS + 1)
    arrived = sum(map(len, rounds)) + len(busy)
    return [
        (f"streaming: p99 of the added delay {quiet:.2f} ms idle, the median of {ROUNDS} (bar: ≤ {IDLE_BAR_MS:.0f})", quiet <= IDLE_BAR_MS),
        (f"streaming: p99 of the added delay {quantile(busy, 99):.2f} ms under load (bar: ≤ {BUSY_BAR_MS:.0f})", quantile(busy, 99) <= BUSY_BAR_MS),
        (f"streaming: {arrived:,} of {expected:,} events arrived, {failed} requests failed (bar: all, 0)", arrived == expected and failed == 0),
        (f"streaming: {each:.2f} MiB of memory for each stalled reader (bar: ≤ {STALLED_BAR_MIB:.0f})", each <= STALLED_BAR_MIB),
        (f"streaming: the backend was let go {released:.2f} s after they left (bar: ≤ {RELEASED_BAR:.0f})", released <= RELEASED_BAR),
    ]


def backend(stage):
    return Place(stage.backend, None)


async def listen(stage, count):
    """Milliseconds that each event took longer through doorward than the median of those that came directly."""
    direct = [asyncio.create_task(arrivals(backend(stage), stage.key, count, ssl=None)) for _ in range(LISTENERS)]
    through = [asyncio.create_task(arrivals(stage.place(), stage.key, count)) for _ in range(LISTENERS)]
    direct, through = await asyncio.gather(*direct), await asyncio.gather(*through)
    shared = sorted(set.intersection(*(set(heard) for heard in (*direct, *through))))[:count]
    when = {number: statistics.median(heard[number] for heard in direct) for number in shared}
    return [(heard[number] - when[number]) * 1000 for heard in through for number in shared]


async def arrivals(place, key, count, **options):
    """The moment at which each event came, by its number; some more are asked for, since not all begin with the same."""
    connection, heard = await Connection.open(place, **options), {}
    connection.send("GET", f"/events/{count + SPARE}", bearer(key))
    async with asyncio.timeout(count + 3 * PATIENCE):
        async for piece in connection.pieces(await connection.head()):
            heard[int(piece.split()[1])] = time.monotonic()
    connection.vanish()
    return heard


async def stall(stage, count):
    """MiB of memory for each reader, bytes that left the backend for each, and seconds until the backend was let go."""
    direct = await Connection.open(backend(stage), ssl=None)
    before, taken = sample(stage).rss_mib, (await told(direct))["taken"]
    readers = [await stalled(stage) for _ in range(count)]
    moved = moving = time.monotonic()
    seen = taken
    while time.monotonic() - moved < STILL and time.monotonic() - moving < 6 * PATIENCE:
        now = (await told(direct))["taken"]
        if now != seen:
            seen, moved = now, time.monotonic()
        await asyncio.sleep(0.05)
    each = (sample(stage).rss_mib - before) / count
    left, since = len(readers), time.monotonic()
    for reader in readers:
        reader.vanish()
    while left > 0 and time.monotonic() - since < PATIENCE:
        left = (await told(direct))["streams"]
        await asyncio.sleep(0.01)
    released = time.monotonic() - since if left == 0 else float("inf")
    direct.vanish()
    return each, (seen - taken) / count, released


async def told(direct):
    return json.loads((await direct.ask("GET", "/told")).body)


async def stalled(stage):
    """A client that read the head, and no more."""
    connection = await Connection.open(stage.place(), limit=1024)
    connection.send("GET", f"/bytes/{GIB}", bearer(stage.key))
    head = await connection.head()
    assert head.status == 200, head
    connection.writer.transport.pause_reading()
    return connection
