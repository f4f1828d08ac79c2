"""SIGTERM under load: what is under way is finished, WebSockets are told 1012, the process ends with 0 in time.

A client asks 500 times a second, 50 requests take two seconds each, 100 WebSockets are open. Every request that was sent
before the signal must be answered 200; those after it may find the door closed.
"""

import asyncio
import json
import signal
import subprocess
import time

from harness.client import PATIENCE, Connection, bearer
from harness.honest import requests
from harness.journal import Journal
from harness.probes import closes
from harness.processes import fail, progress, tail
from harness.settings import fresh_key

DRAIN, SPARE = 5.0, 2.0
SLOW, SLOW_MS, SOCKETS = 50, 2000, 100
# A request that was due before the signal may have been sent after it.
UNSURE = 0.02


def declare(parser):
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=500, help="requests a second")


def prove(stage, options):
    stage.behave()
    stage.limits |= {"drain": f"{DRAIN:.0f}s"}
    stage.start_backend()
    keys = fresh_key()
    rounds = Journal("stop", options, stage.doorward).until(options.rounds, lambda number: stop(stage, keys, options.rate, number))
    print(f"\n{len(rounds)} stops at {options.rate} requests a second, with {SLOW} requests of {SLOW_MS / 1000:.0f} s under way and {SOCKETS} WebSockets")
    print(f"{'':8}{'before':>9}{'failed':>8}{'slow ones':>11}{'WebSockets with 1012':>22}{'exit code':>11}{'after s':>9}")
    for number, told in enumerate(rounds):
        print(f"{number + 1:8}{told['asked']:9,}{len(told['failed']):8}{told['slow']:8}/{SLOW}{told['told']:18}/{SOCKETS}{told['code']:11}{told['took']:9.2f}")
    lost = [what for told in rounds for what in told["failed"]]
    for what in lost[:5]:
        print(f"  failed: {what}")
    slow, told, codes = sum(one["slow"] for one in rounds), sum(one["told"] for one in rounds), {one["code"] for one in rounds}
    took = max(one["took"] for one in rounds)
    return [
        (f"stop: {len(lost)} of {sum(one['asked'] for one in rounds):,} requests failed that came before the signal (bar: 0)", not lost),
        (f"stop: {slow} of {SLOW * len(rounds)} slow requests were answered (bar: all)", slow == SLOW * len(rounds)),
        (f"stop: {told} of {SOCKETS * len(rounds)} WebSockets were told 1012 (bar: all)", told == SOCKETS * len(rounds)),
        (f"stop: exit codes {sorted(codes)}, after {took:.2f} s at most (bar: 0, ≤ {DRAIN + SPARE:.0f})", codes == {0} and took <= DRAIN + SPARE),
    ]


def stop(stage, key, rate, number):
    """Starts doorward and stops it."""
    progress(f"stop {number + 1}")
    stage.write_keys(key)
    stage.write_config(stage.declared)
    stage.log = stage.logs / f"doorward-{number}.log"
    stage.start_sidecar(stdout=open(stage.log, "wb"))
    client, sockets = stage.steady(rate, 50), stage.witness(SOCKETS, stage.key)
    until = time.time() + 3 * PATIENCE
    while stage.metric("doorward_requests_total") < rate:
        if time.time() > until:
            fail(f"the load does not get going: {tail(client)}")
        time.sleep(0.05)
    slow, signalled = asyncio.run(signal_amidst(stage))
    try:
        code = stage.sidecar.wait(DRAIN + SPARE + 10)
    except subprocess.TimeoutExpired:
        code = -1
    took = time.time() - signalled
    seen = requests(client)
    ended = closes(sockets, SOCKETS)
    stage.dismiss(client, sockets, stage.sidecar)
    before = [request for request in seen if request.moment < signalled - UNSURE]
    return {"asked": len(before), "slow": slow, "told": sum(close[0] == 1012 for close in ended), "code": code, "took": took,
            "failed": [f"{one.outcome}, due {signalled - one.moment:.3f} s before the signal" for one in before if not one.succeeded]}


async def signal_amidst(stage):
    """Sends the signal when the slow requests have reached the backend; how many were answered, and that moment."""
    asked = [asyncio.create_task(ask_slowly(stage)) for _ in range(SLOW)]
    direct = await Connection.open(stage.place()._replace(port=stage.backend), ssl=None)
    async with asyncio.timeout(PATIENCE):
        while json.loads((await direct.ask("GET", "/told")).body)["busy"] < SLOW:
            await asyncio.sleep(0.01)
    stage.sidecar.send_signal(signal.SIGTERM)
    signalled = time.time()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    direct.vanish()
    return sum(outcome == 200 for outcome in outcomes), signalled


async def ask_slowly(stage):
    connection = await Connection.open(stage.place())
    answer = await connection.ask("GET", f"/slow/{SLOW_MS}", bearer(stage.key))
    connection.vanish()
    return answer.status
