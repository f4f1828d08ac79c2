"""100,000 users and 100,000 keys of a store: the start, a change, and the memory are what they should be.

A store is imported with as many users and keys of theirs. The sidecar starts with it, and is ready when it has read it. Then users
are disabled over the API, one after the other, while their keys are tried: the time runs from the answer to the first refusal.
The memory of a user and of a key is the difference to stores without them.
"""

import asyncio
import hashlib
import json
import subprocess
import time
import urllib.request
import uuid

from harness.client import Connection, bearer
from harness.processes import progress
from harness.settings import digest, fresh_key
from harness.verdicts import quantile

START_BAR, CHANGE_BAR_MS, COMMAND_BAR_MS = 3.0, 300, 1000
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ"


def declare(parser):
    parser.add_argument("--users", type=int, default=100_000, help="users, each with a key")
    parser.add_argument("--changes", type=int, default=20, help="of users, over the API and by commands")


def prove(stage, options):
    memory = {}
    for what, users, keys in (("nothing", 0, 0), ("users", options.users, 0), ("users and keys", options.users, options.users)):
        progress(f"a store with {what}")
        took, started, resident = begin(stage, users, keys)
        memory[what] = resident
        print(f"a store with {users:,} users and {keys:,} keys: imported in {took:.1f} s, ready {started:.2f} s after the start, {resident / 2**20:.1f} MiB resident")
        if what != "users and keys":
            stage.dismiss(stage.sidecar)
    user = (memory["users"] - memory["nothing"]) / options.users
    key = (memory["users and keys"] - memory["users"]) / options.users
    print(f"memory: {user:.0f} bytes a user, {key:.0f} bytes a key")
    asked, forced = asyncio.run(change(stage, options.changes))
    commanded = asyncio.run(command(stage, options.changes))
    print(f"{'':36}{'p50 ms':>9}{'max ms':>9}")
    for name, times in (("answer to a change", asked), ("in force after the answer", forced), ("in force after a command", commanded)):
        print(f"{name:36}{quantile(times, 50):9.0f}{max(times):9.0f}")
    return [
        (f"many-accounts: ready {started:.2f} s after the start (bar: ≤ {START_BAR:.0f})", started <= START_BAR),
        (f"many-accounts: a change in force {max(forced):.0f} ms after its answer (bar: ≤ {CHANGE_BAR_MS})", max(forced) <= CHANGE_BAR_MS),
        (f"many-accounts: a command's change in force {max(commanded):.0f} ms after its end (bar: ≤ {COMMAND_BAR_MS})", max(commanded) <= COMMAND_BAR_MS),
    ]


def begin(stage, users, keys):
    """Imports, starts, and waits; the seconds of both, and the memory."""
    store = stage.directory / f"store-{users}-{keys}.db"
    stage.admin = fresh_key()
    stage.extra = f"""
[accounts]
store = "{store}"

[[key]]
id = "admin"
sha256 = "{digest(stage.admin)}"
user = "root"
permissions = ["*:*"]
"""
    if stage.backend_process is None:
        stage.start_backend()
        stage.write_keys(fresh_key())
        stage.log = stage.logs / "doorward.log"
    stage.write_config(stage.declared)
    since = time.monotonic()
    told = subprocess.run([stage.doorward, "store", "import", "-", "--config", str(stage.directory / "doorward.toml")],
                          input=lines(users, keys), text=True, capture_output=True, cwd=stage.directory)
    took = time.monotonic() - since
    assert told.returncode == 0, told.stderr[-2000:]
    since = time.monotonic()
    with open(stage.log, "ab") as log:
        stage.start_sidecar(stdout=log)
    while not is_ready(stage.telemetry):
        assert time.monotonic() < since + 60
        time.sleep(0.01)
    started = time.monotonic() - since
    asyncio.run(settle(stage))
    return took, started, resident(stage.sidecar.pid)


def lines(users, keys):
    number = lambda at: str(uuid.UUID(int=at + 1))
    yield_lines = [{"kind": "doorward-store", "format": 1}]
    for at in range(users):
        yield_lines.append({"kind": "user", "id": number(at), "username": f"user-{at}", "hash": HASH, "permissions": ["CONVERSATION:WRITE"],
                            "status": "enabled", "tokens_end": 0, "created": at})
    for at in range(keys):
        key = key_of(at)
        yield_lines.append({"kind": "key", "name": f"key-{at}", "sha256": hashlib.sha256(key.encode()).hexdigest(), "beginning": key[:8],
                            "owner": {"account": number(at)}, "permissions": ["*:*"], "transports": "both", "created": at, "expires": None})
    yield_lines.append({"kind": "end"})
    return "\n".join(json.dumps(line) for line in yield_lines) + "\n"


def key_of(at):
    return f"dw_key-of-user-{at:032}"


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except OSError:
        return False


async def settle(stage):
    """Until the sidecar's own first changes, its signing keys, are made."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        connection = await Connection.open(stage.place())
        answer = await connection.ask("GET", "/_doorward/.well-known/jwks.json")
        connection.vanish()
        if answer.status == 200 and len(json.loads(answer.body)["keys"]) == 2:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no signing keys")


async def change(stage, count):
    """Users are disabled; the milliseconds of each answer, and from it to the refusal of the user's key."""
    asked, forced = [], []
    connection, probe = await Connection.open(stage.place()), await Connection.open(stage.place())
    for at in range(count):
        key, path = key_of(at), f"/_doorward/users/{uuid.UUID(int=at + 1)}"
        assert (await probe.ask("GET", "/", bearer(key))).status == 200
        since = time.monotonic()
        answer = await connection.ask("PUT", path, bearer(stage.admin), "Content-Type: application/json", body=b'{"status":"disabled"}')
        answered = time.monotonic()
        assert answer.status == 200, answer
        asked.append((answered - since) * 1000)
        forced.append(await until_refused(probe, key, answered))
    return asked, forced


async def command(stage, count):
    """Keys are revoked by a command; the milliseconds from its end to the refusal."""
    forced, probe = [], await Connection.open(stage.place())
    for at in range(1000, 1000 + count):
        key = key_of(at)
        assert (await probe.ask("GET", "/", bearer(key))).status == 200
        told = await asyncio.create_subprocess_exec(stage.doorward, "key", "revoke", f"key-{at}", "--config", str(stage.directory / "doorward.toml"),
                                                    cwd=stage.directory, stdout=subprocess.DEVNULL)
        assert await told.wait() == 0
        forced.append(await until_refused(probe, key, time.monotonic()))
    return forced


async def until_refused(probe, key, since):
    while (await probe.ask("GET", "/", bearer(key))).status == 200:
        assert time.monotonic() < since + 20
    return (time.monotonic() - since) * 1000


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024
