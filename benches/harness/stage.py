"""doorward between a backend and clients that watch it, and its files, which can be changed while it runs."""

import collections
import hashlib
import http.client
import json
import os
import pathlib
import resource
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

from harness.client import Place
from harness.credentials import token
from harness.processes import await_port, end, expect, fail, free_port, progress, run, tail

HARNESS = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# As many as would surely meet every worker.
PROBES = 4
# A change that takes longer has not happened.
PATIENCE = 10.0

CONFIG = """
[listen]
address = "127.0.0.1:{port}"

[tls]
certificate = "{dir}/server.crt"
key = "{dir}/server.key"

[backend]
url = "http://127.0.0.1:{backend}"
profile = "generic"

[[route]]
path = "/**"
access = "authenticated"

[telemetry]
address = "127.0.0.1:{telemetry}"

[limits]
{limits}

[[keys_file]]
path = "{dir}/keys.txt"
user = "bob"

[[key]]
id = "load"
sha256 = "{load}"
user = "alice"

[[key]]
id = "probe"
sha256 = "{probe}"
user = "carol"
"""

ISSUER = """
[[issuer]]
name = "local"
algorithms = ["HS256"]
secret = "{secret}"
"""


class Stage:
    """The processes, and the files that they read, in one directory."""

    def __init__(self, directory, options):
        self.directory = directory
        # Elsewhere than the files that are watched: each line would be an event in their directory.
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.running = []
        self.load = options.load or str(TARGET / "release/examples/load")
        self.doorward = options.doorward or str(TARGET / "release/doorward")
        build(options)
        run([self.load, "certificate", str(directory)])
        self.key, self.declared = fresh_key(), fresh_key()
        self.port, self.telemetry, self.backend = free_port(), free_port(), free_port()
        # Probes are refused on purpose, from the address of all others.
        self.limits = {"failures_per_address": "off"}
        self.extra = ""
        self.descriptors, self.secret, self.sieve = None, None, None
        self.backend_command = [self.load, "backend", str(self.backend)]
        self.backend_process = None

    def serve(self, *keys):
        """Starts the backend, and doorward with these in the file of keys."""
        self.start_backend()
        self.write_keys(*keys)
        self.write_config(self.declared)
        self.log = self.logs / "doorward.log"
        log = open(self.log, "wb")
        if self.sieve:
            sifted = self.spawn(self.sieve, stdin=subprocess.PIPE, stdout=log)
            log = sifted.stdin
        self.start_sidecar(stdout=log)
        log.close()

    def sift(self):
        """Leaves access lines out of the log, which would fill the disk of a long run."""
        self.sieve = ["grep", "--line-buffered", "--invert-match", '"target":"access"']

    def start_sidecar(self, **options):
        self.sidecar = self.spawn([self.doorward, "serve", "--config", str(self.directory / "doorward.toml")],
                                  preexec_fn=self.descriptors and self.limit_descriptors, **options)
        await_port(self.port, self.sidecar)

    def limit_descriptors(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    def start_backend(self):
        self.backend_process = self.spawn(self.backend_command)
        await_port(self.backend, self.backend_process)

    def behave(self, *options):
        """Has the backend of many behaviours instead of the cheap one."""
        self.backend_command = [sys.executable, "-B", str(HARNESS / "backend.py"), str(self.backend), *options]

    def restart_backend(self):
        """Ends the backend and starts it again; the moments at which it began to end and was there again."""
        since = time.time()
        end(self.backend_process)
        self.running.remove(self.backend_process)
        self.start_backend()
        return since, time.time()

    def token(self, user):
        """A token of an issuer that is in the configuration from then on."""
        if not self.secret:
            self.secret = fresh_key()
            self.extra += ISSUER.format(secret=self.secret)
        return token(self.secret, user)

    def place(self):
        return Place(self.port, self.directory)

    def write_config(self, declared):
        words = {"dir": self.directory, "port": self.port, "backend": self.backend, "telemetry": self.telemetry,
                 "load": digest(self.key), "probe": digest(declared),
                 "limits": "\n".join(f'{name} = {json.dumps(value)}' for name, value in self.limits.items())}
        return self.put("doorward.toml", CONFIG.format(**words) + self.extra)

    def write_keys(self, *keys):
        return self.put("keys.txt", "".join(f"{digest(key)}\n" for key in keys))

    def put(self, name, text):
        """Writes beside, and renames: the change is when the name is another file's. Answers with that moment."""
        beside = self.directory / f".{name}.new"
        beside.write_text(text)
        moment = time.time()
        os.replace(beside, self.directory / name)
        return moment

    def requests(self, count, pause_ms):
        return self.client("requests", "/", count, self.key, str(pause_ms))

    def steady(self, rate, count, path="/"):
        """A client that asks at this rate on so many connections; see harness/steady.py."""
        words = [sys.executable, "-B", str(HARNESS / "steady.py"), str(self.port), str(self.directory), self.key]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        client = self.spawn([*words, str(rate), str(count), path], **pipes)
        expect(client, "open")
        return client

    def witness(self, count, key):
        return self.client("witness", f"/ws?token={key}", count)

    def client(self, command, path, count, *more):
        """Starts clients, and waits until all of them are connected."""
        words = [self.load, command, str(self.port), path, str(self.directory), str(count), *more]
        client = self.spawn(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(client, "open")
        return client

    def spawn(self, command, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | options
        errors = self.logs / f"{pathlib.Path(command[0]).name}-{len(self.running)}.err"
        process = subprocess.Popen(command, stderr=open(errors, "wb"), **options)
        process.errors = errors
        self.running.append(process)
        return process

    def end_all(self):
        for process in reversed(self.running):
            end(process)

    def metrics(self):
        """The sum of each metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.telemetry}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        sums = collections.Counter()
        for line in lines:
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                sums[series.split("{")[0]] += float(value)
        return sums

    def metric(self, name):
        return self.metrics()[name]

    def probes(self):
        return [Probe(self) for _ in range(PROBES)]

    def trust(self):
        return ssl.create_default_context(cafile=self.directory / "ca.pem")

    def certificate(self):
        """The certificate that a new connection is shown."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost") as stream:
                return stream.getpeercert(binary_form=True)

    @property
    def context(self):
        if not hasattr(self, "_context"):
            self._context = self.trust()
        return self._context


def build(options):
    """Builds what was not given."""
    wanted = [] if options.load else ["--example", "load"]
    wanted += [] if options.doorward else ["--bin", "doorward"]
    if wanted:
        progress("building what is not built")
        run(["cargo", "build", "--release", "--quiet", *wanted], cwd=ROOT)


class Probe:
    """One keep-alive connection that asks whether a key is good."""

    def __init__(self, stage):
        self.connection = http.client.HTTPSConnection("localhost", stage.port, context=stage.trust(), timeout=PATIENCE)

    def status(self, key):
        self.connection.request("GET", "/", headers={"Authorization": f"Bearer {key}"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def in_force(probes, since, new, old):
    """Seconds until every probe is answered with the new key and refused with the old one."""
    for probe in probes:
        for key, status in ((new, 200), (old, 401)):
            while (got := probe.status(key)) != status:
                if got not in (200, 401):
                    fail(f"a probe was answered {got}")
                if time.time() - since > PATIENCE:
                    return float("inf")
                time.sleep(0.002)
    return time.time() - since


def ask(client, line):
    client.stdin.write(line + "\n")
    client.stdin.flush()
    numbers = client.stdout.readline().split()
    if not numbers:
        fail(f"a client ended: {tail(client)}")
    return [int(number) for number in numbers]


def closes(client, count):
    """Code, moment of the frame and moment of the end of each socket that is closed; waits for `count` of them."""
    closed, = ask(client, f"closes {count}")
    lines = [client.stdout.readline().split() for _ in range(closed)]
    return [(int(code), int(frame) / 1e6, int(end) / 1e6) for code, frame, end in lines]


def fresh_key():
    return secrets.token_urlsafe(32)


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()
