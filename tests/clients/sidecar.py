"""Starts what the clients talk to: a chat backend, and before it doorward as an operator would run it."""

import base64
import hmac
import json
import os
import pathlib
import queue
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds, for anything that should happen at once


class Process:
    """A child that is ended with its `with` block. Its output goes to a file, and is shown when it ends badly."""

    def __init__(self, command, log, env=None, **options):
        self.log = pathlib.Path(log)
        self.lines = queue.Queue()
        self.child = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=own_environment() | (env or {}), text=True, errors="replace", **options,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.log.open("w") as log:
            for line in self.child.stdout:
                log.write(line)
                log.flush()
                self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, start):
        """The rest of the first line that begins so."""
        while (line := self.lines.get(timeout=PATIENCE)) is not None:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        raise RuntimeError(f"ended before it said {start!r}:\n{self.log.read_text()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Asks it to end, and insists after a while. The exit status."""
        self.child.terminate()
        try:
            return self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


class Sidecar:
    """A folder like an operator's: config/, certs/ and secrets/, and the program that runs in it."""

    def __init__(self, doorward, folder):
        self.doorward, self.folder = doorward, pathlib.Path(folder)
        for name in ["config", "secrets"]:
            (self.folder / name).mkdir(parents=True)
        self.command("cert", "create", "--host", "localhost", "--host", "127.0.0.1")
        self.ca = self.folder / "certs" / "ca.pem"
        self.blocks = []

    def command(self, *arguments, said="", **environment):
        """What a command prints that is said this."""
        return subprocess.run(
            [self.doorward, *arguments], env=own_environment() | environment, cwd=self.folder, check=True,
            input=said, stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
        ).stdout

    def key(self, *arguments):
        """A new key, declared in the configuration to come."""
        made = json.loads(self.command("key", "create", "--format", "json", *arguments))
        self.blocks.append(made["block"])
        return made["key"]

    def write(self, settings):
        """The configuration: these settings and the keys made so far."""
        text = '[listen]\naddress = "127.0.0.1:0"\n[tls]\ncertificate = "certs/server.pem"\nkey = "certs/server.key"\n'
        telemetry = '[telemetry]\naddress = "127.0.0.1:0"\n'
        (self.folder / "config" / "doorward.toml").write_text("\n".join([text, telemetry, settings, *self.blocks]))

    def serve(self, **options):
        """The running program; wait for `ready ` and `telemetry ` on it."""
        return Process([self.doorward, "serve"], self.folder / "doorward.log", cwd=self.folder, **options)


def own_environment():
    """The environment without what would configure a backend, the sidecar or a client."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("CCAT_", "ZEP_", "DOORWARD_"))}


def token(secret, **claims):
    """A token with these claims, signed with the bytes of the secret. Without a secret it says that it is not signed."""
    parts = [{"alg": "HS256" if secret else "none", "typ": "JWT"}, claims]
    signed = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{encoded(hmac.digest(secret.encode(), signed.encode(), 'sha256')) if secret else ''}"


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
