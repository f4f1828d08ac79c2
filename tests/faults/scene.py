"""doorward in front of a backend, both real processes, and what can be seen of them from outside."""

import contextlib
import hmac
import json
import os
import pathlib
import re
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "clients"), str(HERE.parent.parent / "benches")]

from client import BROKEN, Connection, WebSocket, trust
from harness.accounting import cpu_us
from harness.credentials import base64url
from harness.processes import free_port
from sidecar import ROOT, Process, Sidecar

CONFIG = """
[backend]
url = "http://127.0.0.1:{backend}"
profile = "generic"

[[issuer]]
name = "local"
algorithms = ["HS256"]
secret_file = "secrets/jwt"

[limits]
failures_per_address = "off"
{limits}
"""
# So many on any machine: what each of them says is one log to the reader.
FOUR_WORKERS = {"DOORWARD_LISTEN_WORKERS": "4"}
# Of a core, while nothing can be done.
IDLE_SHARE = 0.20
# Seconds in which a thing that should happen at once is looked for again.
PAUSE = 0.01
# Seconds between the requests of somebody who is not concerned.
PACE = 0.05
# Equal counts one after the other that are no accident.
SETTLED = 8


class Failed(AssertionError):
    """What was done, what should have come of it, and what came."""


class Skipped(Exception):
    """Why a fault cannot be had here."""


class Scene:
    """One folder with the files of doorward, its process, and the process behind it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ends = contextlib.ExitStack()
        self.backend_port = free_port()
        self.backend = None
        self.sidecar = Sidecar(program(), self.folder / "sidecar")
        self.key = self.sidecar.key("--user", "alice")
        self.secret = json.loads(self.sidecar.command("secret", "--format", "json"))["secret"]
        (self.sidecar.folder / "secrets" / "jwt").write_text(self.secret)
        self.config = self.sidecar.folder / "config" / "doorward.toml"
        self.trust = trust(self.sidecar.ca)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.close()

    def start_backend(self, *options):
        log = self.folder / f"backend-{time.monotonic_ns()}.log"
        command = [sys.executable, HERE / "backend.py", self.backend_port, *options]
        self.backend = self.ends.enter_context(Process(command, log))
        self.backend.wait_for("ready")

    def write_config(self, limits=""):
        self.sidecar.write(CONFIG.format(backend=self.backend_port, limits=limits))
        return self.config.read_text()

    def serve(self, limits="", prefix=(), backend=(), **options):
        """Both processes, run as by an operator; `prefix` is what doorward is started by."""
        self.start_backend(*backend)
        self.write_config(limits)
        command = [*prefix, self.sidecar.doorward, "serve"]
        process = Process(command, self.sidecar.folder / "doorward.log", cwd=self.sidecar.folder, **options)
        self.watch(self.ends.enter_context(process))

    def watch(self, server):
        """Takes a started doorward for the one that is watched, once it is ready."""
        self.server, self.pid = server, server.child.pid
        self.address = ("127.0.0.1", int(server.wait_for("ready ").rsplit(":", 1)[1]))
        self.telemetry = server.wait_for("telemetry ")

    # Clients

    def connection(self):
        return Connection(self.address, self.trust)

    def websocket(self, credential=None):
        return WebSocket(self.address, self.trust, credential or self.key)

    def get(self, path="/", credential=None):
        """The status of one request on a connection of its own, or the name of what broke."""
        connection = self.connection()
        try:
            return connection.status(path, credential or self.key)
        except BROKEN as error:
            return type(error).__name__
        finally:
            connection.close()

    def token(self, user, expires_at, issued_at):
        """Signed as the issuer would, with times that `token create` does not give."""
        head = base64url(b'{"alg":"HS256","typ":"JWT"}')
        body = base64url(json.dumps({"sub": user, "iat": int(issued_at), "exp": int(expires_at)}).encode())
        return f"{head}.{body}.{base64url(hmac.digest(self.secret.encode(), f'{head}.{body}'.encode(), 'sha256'))}"

    # What can be seen

    def alive(self):
        status = self.server.child.poll()
        if status is not None:
            raise Failed(f"doorward ended with {status}\n{self.log()[-2000:]}")

    def log(self):
        return self.server.log.read_text(errors="replace")

    def records(self):
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]

    def events(self, message):
        """The lines of the log with this in their message."""
        return [record for record in self.records() if message in record.get("message", "")]

    def accesses(self, status):
        return [record for record in self.records() if record.get("status") == status]

    def metric(self, name):
        """The sum of all series that begin so: none is 0, for what has not happened yet has no series."""
        with urllib.request.urlopen(f"{self.telemetry}/metrics", timeout=10) as page:
            text = page.read().decode()
        return sum(map(float, re.findall(rf"^{re.escape(name)}\S* (\S+)$", text, re.M)))

    def failing(self):
        """Whether some file is unusable and its last good state in use."""
        return self.metric("doorward_reload_failing") == 1

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def idle_descriptors(self):
        """How many it has when it serves nobody: to be asked before anybody comes, and waits for its threads to be there."""
        counts = [self.descriptors()]
        while len(counts) < SETTLED or len(set(counts[-SETTLED:])) > 1:
            time.sleep(PACE)
            counts.append(self.descriptors())
        return counts[-1]

    def memory_kib(self, kind):
        return int(re.search(rf"^{kind}:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.M)[1])

    def share(self, seconds, meanwhile=lambda: None):
        """The share of a core that it uses over this long."""
        began, before = time.monotonic(), cpu_us(self.pid)
        while time.monotonic() - began < seconds:
            meanwhile()
            time.sleep(PACE)
        return (cpu_us(self.pid) - before) / 1e6 / (time.monotonic() - began)


def program():
    """The program under test: DOORWARD, or the newest one built."""
    if named := os.environ.get("DOORWARD"):
        if not os.access(named, os.X_OK):
            raise RuntimeError(f"DOORWARD={named} is no program")
        return pathlib.Path(named).resolve()
    built = [path for pattern in ["*/doorward", "*/*/doorward"] for path in (ROOT / "target").glob(pattern) if path.is_file()]
    if not built:
        raise RuntimeError("no target/*/doorward; build it first, or set DOORWARD")
    return max(built, key=lambda path: path.stat().st_mtime)


def expect(done, came, wanted):
    if came != wanted:
        raise Failed(f"{done}\n  expected {wanted!r}\n  came     {came!r}")


def expect_at_most(done, came, bound):
    if came > bound:
        raise Failed(f"{done}\n  expected at most {bound}\n  came             {came:.2f}")


def until(done, condition, within):
    """Waits for a condition. How many seconds it took."""
    began = time.monotonic()
    while True:
        came = condition()
        took = time.monotonic() - began
        if came is True and took <= within:
            return took
        if took > within:
            raise Failed(f"{done}\n  expected within {within} s\n  came     {came!r} after {took:.1f} s")
        time.sleep(PAUSE)
