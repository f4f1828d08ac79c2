"""Six floods at once for two minutes: whoever is honest is served all the while, and at full speed soon after.

The floods: heads that never end, handshakes that never go on, wrong tokens, HTTP/2 requests that are taken back at once,
heads that are too large, and connections that are dropped after the handshake. All come from the address of the honest client,
and `limits.failures_per_address` is as it is by default. The honest client asks 100 times a second with a good key.
Full speed is four fifths of what the program of benches/load achieved before, in a second that ends within five of the floods.
"""

import asyncio
import statistics
import time

from harness.floods import Floods
from harness.honest import failed, p99, print_table, requests, within
from harness.leaks import panics
from harness.probes import ask
from harness.processes import progress
from harness.settings import fresh_key

SUCCESS_BAR, P99_BAR_MS, RECOVERED_BAR, FULL = 0.999, 250.0, 5.0, 0.8
RATE, CONNECTIONS, SPEED_SECONDS = 100, 32, 4


def declare(parser):
    parser.add_argument("--seconds", type=int, default=120, help="of the floods")


def prove(stage, options):
    del stage.limits["failures_per_address"]
    stage.serve(fresh_key())
    before = statistics.median(speed(stage, SPEED_SECONDS))
    client = stage.steady(RATE, 20)
    progress(f"floods for {options.seconds} s")
    floods, began = Floods(stage.place()), time.time()
    idle = asyncio.run(flood(floods, options.seconds))
    over = time.time()
    seen = requests(client)
    during = within(seen, began, over)
    recovered, after = recovery(stage, over, before)
    print(f"\n{options.seconds} s of: " + ", ".join(f"{name} {count:,}" for name, count in sorted(floods.done.items())))
    print_table({"the honest, meanwhile": during})
    print(f"full speed: {before:,.0f} requests a second before, {after:,.0f} {recovered:.1f} s after the floods")
    succeeded = 1 - len(failed(during)) / max(len(during), 1)
    return [
        (f"combined: {succeeded * 100:.3f} % of {len(during):,} honest requests succeeded (bar: ≥ {SUCCESS_BAR * 100} %)",
         len(during) >= RATE * options.seconds * 0.9 and succeeded >= SUCCESS_BAR),
        (f"combined: p99 of the honest {p99(during):.1f} ms (bar: ≤ {P99_BAR_MS:.0f})", p99(during) <= P99_BAR_MS),
        (f"combined: at full speed {recovered:.1f} s after (bar: ≤ {RECOVERED_BAR:.0f})", recovered <= RECOVERED_BAR),
        (f"combined: every flood came to something{': not ' + ', '.join(idle) if idle else ''}", not idle),
        (f"combined: {', '.join(f'{count} × {what}' for what, count in floods.surprises.items()) or 'nothing'} that a flood should not get (bar: nothing)",
         not floods.surprises),
        (f"combined: {panics(stage)} panics, the process {'lives' if stage.sidecar.poll() is None else 'ended'} (bar: 0, lives)",
         panics(stage) == 0 and stage.sidecar.poll() is None),
    ]


async def flood(floods, seconds):
    """Runs all of them for so long; the names of those that did nothing."""
    kinds = {
        "slow heads": floods.keep(200, floods.slowloris),
        "half handshakes": floods.keep(200, floods.half_handshake),
        "wrong tokens": floods.each(5, floods.bad_tokens),
        "rapid resets": floods.each(10, floods.rapid_reset),
        "large heads": floods.each(10, floods.large_head),
        "dropped connections": floods.each(30, floods.churn),
    }
    for kind in kinds.values():
        floods.start(kind)
    await asyncio.sleep(seconds)
    await floods.stop()
    return [name for name in kinds if not floods.done[name]]


def speed(stage, seconds):
    """Requests a second, in each of so many."""
    load, counts = stage.requests(CONNECTIONS, 0), [stage.metric("doorward_requests_total")]
    for _ in range(seconds):
        time.sleep(1)
        counts.append(stage.metric("doorward_requests_total"))
    ask(load, "")
    return [now - then for then, now in zip(counts, counts[1:])]


def recovery(stage, over, before):
    """Seconds from the end of the floods to the end of the first second of full speed, and that speed."""
    load, then = stage.requests(CONNECTIONS, 0), (time.time(), stage.metric("doorward_requests_total"))
    rate = 0
    while then[0] - over < 3 * RECOVERED_BAR and rate < FULL * before:
        time.sleep(1)
        now = (time.time(), stage.metric("doorward_requests_total"))
        rate, then = (now[1] - then[1]) / (now[0] - then[0]), now
    ask(load, "")
    return (then[0] - over if rate >= FULL * before else float("inf")), rate
