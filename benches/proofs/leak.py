"""1,000,000 requests and 100,000 WebSockets leave nothing behind.

In ten rounds, each of 100,000 requests on 64 connections, then of 10,000 WebSockets, a thousand open at a time, that are
used and end without a close. After each round everything is waited for until no connection is open; the memory at these
moments is judged by its slope after the first three.
"""

import time

from harness.leaks import SLOPE_BAR_MIB, panics, sample, settle, slope, verdicts
from harness.probes import ask
from harness.processes import expect, fail, progress, tail
from harness.settings import fresh_key

ROUNDS, WARM_UP, AT_ONCE = 10, 3, 1000
SETTLE_PATIENCE = 15.0


def declare(parser):
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--sockets", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=64)


def prove(stage, options):
    stage.sift()
    stage.serve(fresh_key())
    start, failed, sockets, samples = sample(stage), 0, 0, []
    print(f"\n{'round':>5}{'requests':>12}{'WebSockets':>12}{'descriptors':>13}{'memory MiB':>12}{'seconds':>9}")
    for number in range(ROUNDS):
        began = time.time()
        progress(f"round {number + 1}")
        failed += ask_many(stage, options.connections, options.requests // ROUNDS)
        open_many(stage, options.sockets // ROUNDS)
        sockets += options.sockets // ROUNDS
        samples.append(settle(stage, start, SETTLE_PATIENCE))
        last = samples[-1]
        print(f"{number + 1:5}{last.requests - sockets:12,.0f}{sockets:12,}{last.descriptors:13}{last.rss_mib:12.1f}{time.time() - began:9.0f}")
    rise, error = slope(samples[WARM_UP:])
    asked = samples[-1].requests - sockets
    return [
        (f"leak: {asked:,.0f} requests and {sockets:,} WebSockets, {failed} requests failed (bar: ≥ {options.requests:,}, ≥ {options.sockets:,}, 0)",
         asked >= options.requests and sockets >= options.sockets and failed == 0),
        *verdicts("leak", start, samples[-1]),
        (f"leak: memory rises by {rise:.3f} ± {error:.3f} MiB for 100,000 requests after round {WARM_UP} (bar: < {SLOPE_BAR_MIB:.0f})", rise < SLOPE_BAR_MIB),
        (f"leak: {panics(stage)} panics (bar: 0)", panics(stage) == 0),
    ]


def ask_many(stage, connections, count):
    """Asks without a pause until so many requests were answered; how many failed."""
    until = stage.metric("doorward_requests_total") + count
    load = stage.requests(connections, 0)
    while stage.metric("doorward_requests_total") < until:
        if load.poll() is not None:
            fail(f"the load ended: {tail(load)}")
        time.sleep(0.05)
    _, failed, *_ = ask(load, "")
    stage.dismiss(load)
    return failed


def open_many(stage, count):
    """Opens so many WebSockets, some at a time, each of which echoes twice."""
    for opened in range(0, count, AT_ONCE):
        holder = stage.client("hold", f"/ws?token={stage.key}", min(AT_ONCE, count - opened))
        holder.stdin.write("\n")
        holder.stdin.flush()
        expect(holder, "alive")
        stage.dismiss(holder)
