"""A backend of some kind, doorward before it as an operator would run it, and what the backend made of it all."""

import json
import os
import pathlib
import socket
import ssl
import subprocess

from credentials import token
from packages import CACHE, PYTHON, missing
from sidecar import Process, Sidecar

BACKENDS = pathlib.Path(__file__).resolve().parent / "backends"
BACKEND_KEY = "backend-key-http-0123456789"

GENERIC = """
[backend]
url = "{backend}"
profile = "generic"
http_key_file = "secrets/backend-http"
ws_key_file = "secrets/backend-http"

[[issuer]]
name = "local"
algorithms = ["HS256"]
secret_file = "secrets/jwt"

[[route]]
path = "/status"
access = "open"

# Nobody in earnest is refused so often.
[limits]
failures_per_address = "off"
"""

CAT = """
[backend]
url = "{backend}"
profile = "cheshire-cat-1"
http_key_file = "secrets/backend-http"
ws_key_file = "secrets/backend-http"

[limits]
failures_per_address = "off"
"""


class Kind:
    """A backend program: how it is started, and what it takes."""

    # No parser takes a space in a name; each has a way of its own to say so.
    malformed = b"GET /canary HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n"

    def __init__(self, name, *command, needs=None):
        self.name, self.command, self.needs = name, command, needs

    def unavailable(self):
        return missing(*self.needs) if self.needs else None

    def start(self, folder, records):
        return Process([*self.command, records], folder / "backend.log", env={"PYTHONDONTWRITEBYTECODE": "1"})


class Go(Kind):
    """Built before: `go run` would leave its child behind."""

    def start(self, folder, records):
        program, places = folder / "backend", {"GOCACHE": str(CACHE / "go"), "GOPATH": str(CACHE / "go"), "GO111MODULE": "off"}
        subprocess.run(["go", "build", "-o", program, self.command[0]], env=os.environ | places, check=True, stdin=subprocess.DEVNULL, timeout=300)
        return Process([program, records], folder / "backend.log")


CAPTURE = Kind("capture", PYTHON, BACKENDS / "capture.py")
KINDS = [
    Kind("uvicorn-h11", PYTHON, BACKENDS / "asgi.py", "h11"),
    Kind("uvicorn-httptools", PYTHON, BACKENDS / "asgi.py", "httptools"),
    Kind("node", "node", BACKENDS / "node.mjs", needs=("node", "nodejs")),
    Go("go", BACKENDS / "go.go", needs=("go", "golang-go")),
    Kind("wsgi", PYTHON, BACKENDS / "wsgi.py"),
    CAPTURE,
]


class Stage:
    """A backend and the doorwards before it, as a `with` block. Ports are the system's choice."""

    def __init__(self, kind, folder, doorward):
        self.kind, self.folder, self.doorward = kind, pathlib.Path(folder), doorward
        self.folder.mkdir()
        self.records, self.read_to = self.folder / "records.jsonl", 0
        self.records.touch()
        self.running, self.ports, self.contexts, self.words = [], {}, {}, {}

    def __enter__(self):
        try:
            backend = self._keep(self.kind.start(self.folder, self.records))
            self.backend_port = int(backend.wait_for("listening "))
            for profile, settings in {"generic": GENERIC, "cat": CAT}.items():
                self._serve(profile, settings)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.stop()

    def _keep(self, process):
        self.running.append(process)
        return process

    def _serve(self, profile, settings):
        sidecar, secret = with_secrets(self.doorward, self.folder / profile)
        # Words in cases that stand for what is made anew for each run.
        for user in ["alice", "bob"]:
            self.words[user if profile == "generic" else f"cat-{user}"] = sidecar.key("--user", user)
        if profile == "generic":
            self.words |= {"alice-token": token(secret, "alice"), "bob-token": token(secret, "bob")}
        sidecar.write(settings.format(backend=f"http://127.0.0.1:{self.backend_port}"))
        # One worker: every request meets the connections that those before it left.
        server = self._keep(sidecar.serve(env={"DOORWARD_LISTEN_WORKERS": "1"}))
        self.ports[profile] = int(server.wait_for("ready ").rsplit(":", 1)[1])
        self.contexts[profile] = tls_context(sidecar.ca)

    def fill(self, text):
        """The text with its words replaced, as bytes."""
        for word, value in self.words.items():
            text = text.replace(f"{{{word}}}", value)
        return text.encode("latin-1")

    @property
    def secrets(self):
        """What only the client and doorward know, by name."""
        return self.words

    def said_too_much(self):
        """What should not be in doorward's own words: a credential, a panic."""
        said = "".join((self.folder / profile / "doorward.log").read_text() for profile in self.ports)
        leaked = [f"{name}'s credential is in the log" for name, secret in self.secrets.items() if secret in said]
        return leaked + [line for line in said.splitlines() if "panic" in line]

    def news(self):
        """What the backend has written since the last time."""
        with self.records.open() as file:
            file.seek(self.read_to)
            lines = file.read()
        whole = lines[: lines.rfind("\n") + 1]
        self.read_to += len(whole.encode())
        return [json.loads(line) for line in whole.splitlines()]


def with_secrets(doorward, folder):
    """An operator's folder with the backend's key and the issuer's secret in it, and the latter."""
    sidecar = Sidecar(doorward, folder)
    (sidecar.folder / "secrets" / "backend-http").write_text(BACKEND_KEY)
    secret = json.loads(sidecar.command("secret", "--format", "json"))["secret"]
    (sidecar.folder / "secrets" / "jwt").write_text(secret)
    return sidecar, secret


def tls_context(authority):
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def say_to_backend(stage, data):
    """What the backend answers to bytes that come to it without doorward."""
    with socket.create_connection(("127.0.0.1", stage.backend_port), timeout=10) as connection:
        connection.sendall(data)
        heard = b""
        while b"\r\n\r\n" not in heard and (piece := connection.recv(65536)):
            heard += piece
    return heard
