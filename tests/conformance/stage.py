"""doorward over TLS before a backend, with one key, as every suite needs it."""

import http.client
import json
import pathlib
import ssl
import sys

from sidecar import Process, Sidecar

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 20

CONFIG = """
[backend]
url = "http://127.0.0.1:{backend}"
profile = "generic"

[limits]
failures_per_address = "off"
{limits}

# For programs that can show no credential.
[[route]]
path = "/open/**"
access = "open"
"""


class Stage:
    """Both processes, which end with its `with` block."""

    def __init__(self, doorward, folder, backend="backend.py", limits="", environment=None):
        self.folder, self.environment, self.server = folder, environment, None
        self.backend = Process([sys.executable, HERE / backend], folder / "backend.log")
        try:
            self.backend_port = int(self.backend.wait_for("ready "))
            self.sidecar = Sidecar(doorward, folder / "sidecar")
            self.key = self.sidecar.key("--user", "alice")
            self.sidecar.write(CONFIG.format(backend=self.backend_port, limits=limits))
            self.start()
            self.trust = ssl.create_default_context(cafile=self.sidecar.ca)
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        self.server = self.sidecar.serve(env=self.environment)
        self.port = int(self.server.wait_for("ready ").rsplit(":", 1)[1])
        self.pid = self.server.child.pid

    def restart(self):
        """A process that has not yet done anything, so that its memory tells of what comes."""
        self.server.stop()
        self.start()

    def certificate(self):
        """Of the listener, and its key."""
        return [self.sidecar.folder / "certs" / name for name in ["server.pem", "server.key"]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in filter(None, [self.server, self.backend]):
            process.stop()

    def ask(self, path="/honest", headers=()):
        """The status of an honest request on a connection of its own."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE, context=self.trust)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}", **dict(headers)})
            return connection.getresponse().status
        except OSError as error:
            return repr(error)
        finally:
            connection.close()

    def seen(self):
        """What the backend was asked since this was asked last: for each request its `x-case`, target, and whether it was whole."""
        return self.of_backend("/seen")

    def of_backend(self, path):
        """What the backend says of itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.backend_port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def state(self):
        status = self.server.child.poll()
        return "runs" if status is None else f"ended with {status}"
