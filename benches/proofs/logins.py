"""A flood of wrong passwords neither slows down who chats nor keeps out who is honest, and answers tell nobody's secrets.

64 clients chat over connections of their own; then 200 clients log in with wrong passwords as fast as they are answered, each
try from another address and for another name, so that nothing but the hashing threads holds them back. Five rounds, with and
without. Alice, who has logged in from her address before, logs in meanwhile. Then, on a quiet sidecar, the times of answers to
unknown names, wrong passwords and disabled users, 400 of each in turn: how well could one tell them apart (AUC; 0.5: not at all)?
"""

import asyncio
import itertools
import json
import random
import statistics
import time

from harness.client import Connection
from harness.honest import failed, p99, print_table, requests, within
from harness.processes import progress
from harness.settings import digest, fresh_key
from harness.verdicts import quantile

FACTOR, HONEST_BAR, MEMORY_BAR_MIB, AUC_BAR = 3.0, 3.0, 64, 0.55
HASH_MIB = 19
PASSWORD = "correct horse battery"


def declare(parser):
    parser.add_argument("--rate", type=int, default=320, help="requests a second of those who chat")
    parser.add_argument("--rounds", type=int, default=5, help="with and without the flood")
    parser.add_argument("--seconds", type=int, default=6, help="of each part of a round")
    parser.add_argument("--attackers", type=int, default=200, help="who log in with wrong passwords")
    parser.add_argument("--samples", type=int, default=400, help="of each kind of refused login")


def prove(stage, options):
    admin = fresh_key()
    stage.extra = f"""
[accounts]
store = "{stage.directory}/accounts.db"

[[key]]
id = "admin"
sha256 = "{digest(admin)}"
user = "root"
permissions = ["*:*"]
"""
    stage.serve(fresh_key())
    # Each client behind the one proxy has an address of its own.
    config = stage.directory / "doorward.toml"
    stage.put("doorward.toml", config.read_text().replace("[listen]\n", '[listen]\ntrusted_proxies = ["127.0.0.1"]\n', 1))
    asyncio.run(prepare(stage.place(), admin))
    return [*flooded(stage, options), *told_apart(stage, options)]


async def prepare(place, admin):
    """alice, who logs in, and mallory, who is disabled."""
    deadline = time.monotonic() + 20
    while True:
        connection = await Connection.open(place)
        made = await post(connection, "/_doorward/users/", {"username": "alice", "password": PASSWORD}, "10.0.0.1", f"Authorization: Bearer {admin}")
        connection.vanish()
        if made.status == 200:
            break
        assert time.monotonic() < deadline, made
        await asyncio.sleep(0.2)
    connection = await Connection.open(place)
    disabled = {"username": "mallory", "password": PASSWORD, "status": "disabled"}
    made = await post(connection, "/_doorward/users/", disabled, "10.0.0.1", f"Authorization: Bearer {admin}")
    assert made.status == 200, made
    while (await log_in(connection, "alice", PASSWORD, "10.0.0.1")).status != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)


async def post(connection, path, body, address, *fields):
    fields = (f"X-Forwarded-For: {address}", "Content-Type: application/json", *fields)
    return await connection.ask("POST", path, *fields, body=json.dumps(body).encode())


async def log_in(connection, name, password, address):
    return await post(connection, "/_doorward/auth/token", {"username": name, "password": password}, address)


def flooded(stage, options):
    factors, memory, honest, answers, rows = [], [], [], [], {}
    before = resident_mib(stage.sidecar.pid)
    client = stage.steady(options.rate, 64)
    spans = []
    for number in range(options.rounds):
        progress(f"round {number + 1} of {options.rounds}")
        began = time.time()
        time.sleep(options.seconds)
        flooding = time.time()
        told = asyncio.run(flood(stage, options))
        spans.append((began, flooding, time.time()))
        memory.append(told["memory"] - before)
        honest += told["honest"]
        answers += told["answers"]
    seen = requests(client)
    for number, (began, flooding, over) in enumerate(spans, 1):
        alone, beside = within(seen, began, flooding), within(seen, flooding, over)
        rows |= {f"{number}: alone": alone, f"{number}: beside the flood": beside}
        factors.append(p99(beside) / p99(alone))
    print(f"\n64 clients that chat, {options.rate} requests a second; {options.attackers} that log in with wrong passwords")
    print_table(rows)
    counts = {status: answers.count(status) for status in sorted(set(answers))}
    print(f"answers to wrong passwords: {counts}; {len(honest)} honest logins, p50 {quantile(honest, 50):.2f} s, slowest {max(honest):.2f} s")
    factor = statistics.median(factors)
    permits = 1
    bar = permits * HASH_MIB + MEMORY_BAR_MIB
    strange = [status for status in counts if status not in (403, 429, 503)]
    bad = [request for rows in rows.values() for request in failed(rows)]
    return [
        (f"logins: p99 of those who chat {factor:.2f} times that without the flood, median of {len(factors)} rounds (bar: ≤ {FACTOR:.0f})", factor <= FACTOR),
        (f"logins: {len(bad)} of their requests failed (bar: 0)", not bad),
        (f"logins: an honest login within {max(honest):.2f} s (bar: ≤ {HONEST_BAR:.0f})", max(honest) <= HONEST_BAR),
        (f"logins: {max(memory):.0f} MiB more memory at most (bar: ≤ {bar}, one hash and {MEMORY_BAR_MIB})", max(memory) <= bar),
        (f"logins: other answers than 403, 429 and 503: {strange} (bar: none)", not strange),
    ]


async def flood(stage, options):
    """As many as are to be, all at once, as fast as they are answered."""
    told = {"answers": [], "honest": [], "memory": 0.0}
    over = time.monotonic() + options.seconds
    async with asyncio.TaskGroup() as group:
        for number in range(options.attackers):
            group.create_task(attack(stage.place(), over, number, told))
        group.create_task(honest(stage.place(), over, told))
        while time.monotonic() < over:
            told["memory"] = max(told["memory"], resident_mib(stage.sidecar.pid))
            await asyncio.sleep(0.1)
    return told


async def attack(place, over, number, told):
    connection, chance = await Connection.open(place), random.Random(number)
    while time.monotonic() < over:
        address = f"{chance.randrange(11, 200)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        answer = await log_in(connection, f"user-{chance.randrange(10**9)}", "a wrong password", address)
        told["answers"].append(answer.status)
        if answer.status == 503:
            # 200 of them ask 2,000 times a second, sixty times what can be hashed.
            await asyncio.sleep(0.1)
    connection.vanish()


async def honest(place, over, told):
    """alice logs in, and tries again as she is told."""
    while time.monotonic() < over - 1:
        since = time.monotonic()
        while True:
            connection = await Connection.open(place)
            answer = await log_in(connection, "alice", PASSWORD, "10.0.0.1")
            connection.vanish()
            if answer.status == 200:
                break
            await asyncio.sleep(int(answer.fields.get("retry-after", "1")))
        told["honest"].append(time.monotonic() - since)
        await asyncio.sleep(0.3)


def told_apart(stage, options):
    times = asyncio.run(sample(stage.place(), options.samples))
    print(f"\n{'refused login':28}{'p50 ms':>9}{'p95 ms':>9}")
    for kind, took in times.items():
        print(f"{kind:28}{quantile(took, 50):9.2f}{quantile(took, 95):9.2f}")
    verdicts = []
    for one, other in itertools.combinations(times, 2):
        area = auc(times[one], times[other])
        medians = quantile(times[one], 50) / quantile(times[other], 50)
        verdicts.append((f"logins: {one} is told from {other} with AUC {area:.3f}, medians differ by {abs(medians - 1) * 100:.1f} % (bar: < {AUC_BAR}, < 5 %)",
                         area < AUC_BAR and abs(medians - 1) < 0.05))
    return verdicts


async def sample(place, count):
    """Each kind in turn, in random order, each from an address of its own."""
    times = {"an unknown name": [], "a wrong password": [], "a disabled user": []}
    logins = {"an unknown name": ("nobody", PASSWORD), "a wrong password": ("alice", "a wrong password"), "a disabled user": ("mallory", PASSWORD)}
    connection, chance, number = await Connection.open(place), random.Random(7), 0
    for done in range(count):
        if done % 50 == 0:
            progress(f"{done} of {count} samples")
        for kind in chance.sample(list(logins), len(logins)):
            number += 1
            address = f"172.{16 + number // 65536}.{number // 256 % 256}.{number % 256}"
            since = time.perf_counter()
            name, password = logins[kind]
            answer = await log_in(connection, name, password, address)
            assert answer.status in (403, 429), answer
            if answer.status == 403:
                times[kind].append((time.perf_counter() - since) * 1000)
    return times


def auc(one, other):
    """How often a sample of the one is above one of the other; folded, since either way tells."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group == 0)
    area = (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))
    return max(area, 1 - area)


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
