"""varnishtest's client and server on both sides of doorward. It speaks no TLS: for HTTP/2, which doorward offers over TLS alone, bytes
are pumped through a connection of ours."""

import asyncio
import pathlib
import re
import subprocess
import threading

from packages import missing
from processes import free_port
from sidecar import Process
from stage import GENERIC, tls_context, with_secrets

SCRIPTS = sorted((pathlib.Path(__file__).resolve().parent / "varnishtest").glob("*.vtc"))
SECONDS = 20  # for one script


class Pump:
    """Takes plain connections and sends their bytes on over TLS, as a `with` block."""

    def __init__(self, port, authority):
        self.to, self.context, self.loop = port, tls_context(authority), asyncio.new_event_loop()
        self.context.set_alpn_protocols(["h2"])

    def __enter__(self):
        server = self.loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _connection(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.to, ssl=self.context, server_hostname="localhost")
        await asyncio.gather(pumped(reader, back), pumped(there, writer))


async def pumped(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Before:
    """doorward in clear and over TLS before an address at which each script will listen."""

    def __init__(self, folder, doorward):
        self.folder, self.doorward, self.running = folder, doorward, []
        self.backend = free_port()

    def __enter__(self):
        try:
            self.clear, _ = self._serve("clear")
            self.tls, authority = self._serve("tls")
            self.pump = Pump(self.tls, authority).__enter__()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if hasattr(self, "pump"):
            self.pump.__exit__()
        for process in self.running:
            process.stop()

    def _serve(self, name):
        sidecar, _ = with_secrets(self.doorward, self.folder / name)
        if name == "clear":
            self.keys = {user: sidecar.key("--user", user) for user in ["alice", "bob"]}
            self.blocks = sidecar.blocks
        sidecar.blocks = self.blocks
        sidecar.write(GENERIC.format(backend=f"http://127.0.0.1:{self.backend}"))
        if name == "clear":
            written = sidecar.folder / "config" / "doorward.toml"
            written.write_text(re.sub(r"\[tls\]\n(?:.+\n)*", "", written.read_text()))
        server = Process([self.doorward, "serve"], sidecar.folder / "doorward.log", cwd=sidecar.folder)
        self.running.append(server)
        return int(server.wait_for("ready ").rsplit(":", 1)[1]), sidecar.ca

    def words(self):
        """What the scripts are told, as varnishtest takes it."""
        address = {"backend": self.backend, "h1": self.clear, "h2": self.pump.port}
        words = {name: f"127.0.0.1:{port}" for name, port in address.items()} | self.keys
        return [part for name, value in words.items() for part in ("-D", f"{name}={value}")]


def run(folder, doorward, report):
    if reason := missing("varnishtest", "varnish"):
        return report.skip("varnish", reason)
    met = 0
    with Before(folder, doorward) as before:
        for script in SCRIPTS:
            command = ["varnishtest", "-v", "-t", str(SECONDS), *before.words(), script]
            done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS + 20)
            met += len(re.findall(r"EXPECT .* match$", done.stdout, re.M))
            report(f"varnishtest {script.name}", [done.stdout[-6000:]] if done.returncode else [], script.name)
    print(f"  {met} expectations met in {len(SCRIPTS)} scripts", flush=True)
