"""doorward between a backend and clients that watch it, and its files, which can be changed while it runs."""

import collections
import json
import os
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

from harness.client import Place
from harness.credentials import token
from harness.probes import PATIENCE, PROBES, Probe
from harness.processes import await_port, end, expect, free_port, progress, run
from harness.settings import CONFIG, ISSUER, digest, fresh_key

HARNESS = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


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
        given = dict(setting.split("=", 1) for setting in options.limit)
        self.instead = {name: int(value) if value.isdigit() else value for name, value in given.items()}
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
        self.dismiss(self.backend_process)
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
                 "limits": "\n".join(f'{name} = {json.dumps(value)}' for name, value in (self.limits | self.instead).items())}
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

    def dismiss(self, *processes):
        """Ends these, and forgets them."""
        for process in processes:
            end(process)
            self.running.remove(process)

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
