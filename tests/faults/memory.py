"""256 MiB of memory under big bodies, many sockets and many streams.

RLIMIT_DATA, not a cgroup: it needs no privilege, is the same on every Linux since 4.7, and is stricter, since it counts
what is reserved for data, touched or not. RLIMIT_AS would also count what a program only maps. What lies beyond is
refused to the allocator, and a Rust program that is refused memory ends.
"""

import contextlib
import socket
import subprocess
import time

from catalogue import fault
from client import Load
from scene import expect, expect_at_most, until

LIMIT_MIB = 256
UPLOAD = 16 * 1024 * 1024
DOWNLOAD = 64 * 1024 * 1024
SECONDS = 6.0
STREAMS = 100  # of one HTTP/2 connection


@fault("prlimit", "curl")
def memory_256(scene):
    limit = LIMIT_MIB * 1024 * 1024
    scene.serve(prefix=["prlimit", f"--data={limit}:{limit}", "--"])
    with contextlib.ExitStack() as held:
        sockets = [scene.websocket() for _ in range(100)]
        silent = [socket.create_connection(scene.address) for _ in range(500)]
        stalled = [stalled_reader(scene) for _ in range(40)]
        for connection in [*sockets, *silent, *stalled]:
            held.callback(connection.close)
        curls = [held.enter_context(streams(scene)) for _ in range(3)]
        uploads = Load(4, lambda _: lambda: upload(scene))
        honest = []
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            honest.append(scene.get())
            scene.alive()
        sent = [status for *_, status in uploads.end()]
        for curl in curls:
            curl.terminate()
        scene.alive()
        expect(f"{len(honest)} requests meanwhile", set(honest), {200})
        expect(f"{len(sent)} uploads of {UPLOAD >> 20} MiB", set(sent), {200})
        expect("a message on each WebSocket", {socket.echo(b"still here") for socket in sockets}, {True})
        peak = scene.memory_kib("VmHWM") / 1024
        expect_at_most("resident memory in MiB, at most", peak, LIMIT_MIB)
    until("a request after", lambda: scene.get() == 200, 5)
    scene.alive()
    return f"{peak:.0f} MiB at most, with {len(honest)} requests and {len(sent)} uploads served"


def upload(scene):
    connection = scene.connection()
    try:
        return connection.status("/", scene.key, "POST", bytes(UPLOAD))
    finally:
        connection.close()


def stalled_reader(scene):
    """Asks for much, and takes nothing."""
    connection = scene.connection()
    connection.http.request("GET", f"/big?bytes={DOWNLOAD}", headers={"Authorization": f"Bearer {scene.key}"})
    return connection


def streams(scene):
    """Many streams of one HTTP/2 connection, each of which takes little at a time."""
    url = f"https://localhost:{scene.address[1]}/big?bytes={DOWNLOAD}&stream=[1-{STREAMS}]"
    command = ["curl", "-sS", "--http2", "--parallel", "--parallel-max", str(STREAMS), "--limit-rate", "64k", "--max-time", "60",
               "--cacert", scene.sidecar.ca, "-H", f"Authorization: Bearer {scene.key}", "-o", "/dev/null", url]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
