"""The backend is restarted under load, and closes idle connections whenever it likes: only what was under way may fail.

First it is restarted ten times while a client asks 200 times a second. A request may fail when it was under way as the
backend ended, or came before the backend was there again. Then a backend that closes each connection 1 to 50 ms after
its last answer is asked 10,000 GETs, of which none may come to 502, and 2,000 POSTs, of which none may reach it twice.
"""

import asyncio
import json
import random
import time

from harness.client import Connection, Place, bearer
from harness.honest import failed, print_table, requests
from harness.journal import Journal
from harness.processes import progress
from harness.settings import fresh_key

SUCCESS_BAR = 1.0
CLIENTS = 40


def declare(parser):
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--rate", type=int, default=200, help="requests a second during the restarts")
    parser.add_argument("--gets", type=int, default=10_000)
    parser.add_argument("--posts", type=int, default=2_000)


def prove(stage, options):
    stage.behave()
    stage.serve(fresh_key())
    rounds = Journal("backend-restarts", options, stage.doorward).until(options.restarts, lambda number: restart(stage, options.rate, number))
    stage.dismiss(stage.backend_process)
    stage.behave("--restless")
    stage.start_backend()
    progress(f"{options.gets:,} GETs and {options.posts:,} POSTs to a restless backend")
    gets, posts, twice = asyncio.run(ask_restless(stage, options))
    late = [told for one in rounds for told in one["late"]]
    slowest = max(one["first"] for one in rounds)
    print(f"\n{len(rounds)} restarts: {sum(one['asked'] for one in rounds):,} requests, {sum(one['excused'] for one in rounds)} failed while the backend was away; "
          f"it was away for {max(one['away'] for one in rounds):.2f} s at most")
    for told in late[:5]:
        print(f"  failed without excuse: {told}")
    print(f"restless backend: GET {tally(gets)}; POST {tally(posts)}")
    bad = sum(outcome != 200 for outcome in gets)
    return [
        (f"backend-restarts: {len(late)} requests failed that came when the backend was there, or were over before (bar: 0)", not late),
        (f"backend-restarts: first success {slowest:.2f} s after the backend was there again, at most (bar: ≤ {SUCCESS_BAR:.0f})", slowest <= SUCCESS_BAR),
        (f"backend-restarts: {bad} of {len(gets):,} GETs to a restless backend did not succeed (bar: 0)", len(gets) == options.gets and bad == 0),
        (f"backend-restarts: {twice} of {len(posts):,} POSTs reached it twice (bar: 0)", len(posts) == options.posts and twice == 0),
    ]


def restart(stage, rate, number):
    """One restart in the middle of two seconds."""
    progress(f"restart {number + 1}")
    client = stage.steady(rate, 20)
    time.sleep(random.uniform(0.5, 1))
    down, up = stage.restart_backend()
    time.sleep(1 + SUCCESS_BAR)
    seen = requests(client)
    stage.dismiss(client)
    late = [request for request in failed(seen) if request.ended < down or request.moment > up]
    if number == 0:
        print_table({"the first restart": seen})
    first = min((request.ended for request in seen if request.succeeded and request.moment > up), default=float("inf"))
    return {"asked": len(seen), "excused": len(failed(seen)) - len(late), "away": up - down, "first": first - up,
            "late": [f"{request.outcome}, {request.moment - up:.3f} s after it was there" for request in late]}


async def ask_restless(stage, options):
    gets = await many(stage, "GET", [f"/?{number}" for number in range(options.gets)])
    posts = await many(stage, "POST", [f"/once/{number}" for number in range(options.posts)])
    direct = await Connection.open(Place(stage.backend, None), ssl=None)
    told = json.loads((await direct.ask("GET", "/told")).body)
    return gets, posts, sum(count > 1 for count in told["named"].values())


async def many(stage, method, paths):
    """The outcomes; each client pauses about as long as the backend keeps a connection."""
    outcomes, place, left = [], stage.place(), iter(paths)

    async def ask():
        connection = await Connection.open(place)
        for path in left:
            try:
                outcomes.append((await connection.ask(method, path, bearer(stage.key))).status)
            except (OSError, EOFError, TimeoutError) as error:
                outcomes.append(type(error).__name__)
                connection.vanish()
                connection = await Connection.open(place)
            await asyncio.sleep(random.uniform(0, 0.05))
        await connection.close()

    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return outcomes


def tally(outcomes):
    return ", ".join(f"{outcomes.count(outcome):,} × {outcome}" for outcome in sorted(set(outcomes), key=str))
