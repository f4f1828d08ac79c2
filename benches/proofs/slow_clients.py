"""1,000 clients that send their heads byte by byte, and 1,000 that say nothing, hurt nobody and are gone in time.

The slow ones finish the TLS handshake and send a byte of the head every five seconds; the silent ones connect and never
begin the handshake. All are opened at 200 a second while an honest client asks, whose latency before that is the measure.
A connection is closed in time when it ends within 11 s of its first byte of the head, or of being connected.
"""

import asyncio
import contextlib
import time

from harness.client import Connection
from harness.honest import failed, p99, print_table, requests, within
from harness.processes import progress
from harness.settings import fresh_key
from harness.verdicts import quantile

CLOSED_BAR, P99_BAR_MS, FACTOR = 11.0, 50.0, 2.0
# Whoever is not closed by then never will be.
PATIENCE = 30.0
RATE, BYTE_EVERY = 200, 5.0


def declare(parser):
    parser.add_argument("--slow", type=int, default=1000, help="clients of each kind")
    parser.add_argument("--rate", type=int, default=200, help="requests a second of the honest client")
    parser.add_argument("--seconds", type=int, default=20, help="before the slow ones come")


def prove(stage, options):
    stage.serve(fresh_key())
    client, began = stage.steady(options.rate, 20), time.time()
    progress("measuring the honest client alone")
    time.sleep(options.seconds)
    attacked = time.time()
    lives = asyncio.run(attack(stage.place(), options.slow))
    over = time.time()
    seen = requests(client)
    alone, beside = within(seen, began, attacked), within(seen, attacked, over)
    print(f"\n{options.slow:,} clients with slow heads and {options.slow:,} silent ones, for {over - attacked:.0f} s; the honest client meanwhile")
    print_table({"alone": alone, "beside them": beside})
    for kind, took in lives.items():
        print(f"closed, {kind}: first after {min(took):.1f} s, last after {max(took):.1f} s")
    bar = min(P99_BAR_MS, FACTOR * p99(alone))
    every = [took for kind in lives.values() for took in kind]
    return [
        (f"slow-clients: p99 of the honest {p99(beside):.1f} ms, {p99(alone):.1f} ms before (bar: ≤ {bar:.1f}, twice that and 50)", p99(beside) <= bar),
        (f"slow-clients: {len(failed(beside))} of {len(beside):,} honest requests failed (bar: 0)", beside != [] and not failed(beside)),
        (f"slow-clients: {sum(took <= CLOSED_BAR for took in every):,} of {2 * options.slow:,} closed in time, the last after {max(every):.1f} s, "
         f"p50 {quantile(every, 50):.1f} s (bar: all, ≤ {CLOSED_BAR:.0f})", len(every) == 2 * options.slow and max(every) <= CLOSED_BAR),
    ]


async def attack(place, count):
    """Seconds that each connection lived."""
    lives, due = {"slow heads": [], "silent": []}, time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due += 1 / RATE
            group.create_task(slow(place, lives["slow heads"]))
            group.create_task(silent(place, lives["silent"]))
            await asyncio.sleep(max(0, due - time.monotonic()))
        progress(f"all {2 * count:,} are connecting or connected")
    return lives


async def slow(place, lives):
    connection = await Connection.open(place)
    since = time.monotonic()
    connection.writer.write(b"G")
    feeding = asyncio.create_task(feed(connection))
    await live(connection, since, lives)
    feeding.cancel()


async def feed(connection):
    with contextlib.suppress(OSError):
        for byte in b"ET / HTTP/1.1\r\nHost: localhost\r\n" + b"x" * 1000:
            await asyncio.sleep(BYTE_EVERY)
            connection.writer.write(bytes([byte]))


async def silent(place, lives):
    connection = await Connection.open(place, ssl=None)
    await live(connection, time.monotonic(), lives)


async def live(connection, since, lives):
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(connection.ended(), PATIENCE)
    lives.append(time.monotonic() - since)
    connection.vanish()
