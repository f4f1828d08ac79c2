"""A standard output that takes nothing: requests go on, and the log says what it lost."""

import contextlib
import fcntl
import json
import os
import subprocess
import threading

from catalogue import fault, need_root
from client import Load
from scene import Failed, expect, expect_at_most, until
from sidecar import Process

PIPE = 4096
# Of an access line nearly as long as one can be.
LONG = "/" + "x" * 1000
DROPPED = "doorward_log_lines_dropped_total"
LOST = 500  # lines
# What may wait for a reader, and what a few thousand requests cost besides.
GROWTH_KIB = 32 * 1024
DISK = 1024 * 1024


def serve_into(scene, output):
    """doorward with this file as its standard output; what it says to the operator's terminal is read as ever."""
    scene.start_backend()
    scene.write_config()
    command = ["sh", "-c", 'exec "$0" serve >>"$1"', scene.sidecar.doorward, output]
    scene.watch(scene.ends.enter_context(Process(command, scene.sidecar.folder / "terminal.log", cwd=scene.sidecar.folder)))


@contextlib.contextmanager
def pipe(scene):
    """The end to read from of a small pipe that doorward logs into."""
    path = scene.folder / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE)
    try:
        serve_into(scene, path)
        yield reader
    finally:
        with contextlib.suppress(OSError):
            os.close(reader)


def lose_lines(scene):
    """Requests until lines are lost; each is answered. How many."""
    load = Load(4, lambda _: asking(scene))
    until(f"{LOST} lines are lost", lambda: scene.metric(DROPPED) >= LOST, 60)
    outcomes = [status for *_, status in load.end()]
    expect(f"{len(outcomes)} requests while nobody reads the log", set(outcomes), {200})
    return len(outcomes)


def asking(scene):
    connection = scene.connection()
    return lambda: connection.status(LONG, scene.key)


@fault()
def log_unread(scene):
    with pipe(scene) as reader:
        expect("a request before", scene.get(), 200)
        memory = scene.memory_kib("VmRSS")
        asked = 1 + lose_lines(scene)
        expect_at_most("growth of resident memory in KiB", scene.memory_kib("VmRSS") - memory, GROWTH_KIB)
        dropped = scene.metric(DROPPED)
        lines = Lines(reader)
        until("what waited comes out", lambda: len(lines.having('"access"')) + scene.metric(DROPPED) >= asked, 10)
        until("the log says what it lost", lambda: bool(lines.having("log lines were dropped")), 5)
        said = sum(json.loads(line)["lines"] for line in lines.having("log lines were dropped"))
        expect(f"the log says how many it lost, and the metric {dropped:.0f}", said, int(scene.metric(DROPPED)))
        expect("a request after", scene.get("/after"), 200)
        until("its line is there", lambda: bool(lines.having('"/after"')), 2)
        lines.all_are_json()
        scene.alive()
        return f"{asked} requests served, {said} lines lost and said to be"


@fault()
def log_closed(scene):
    with pipe(scene) as reader:
        os.set_blocking(reader, True)
        expect("a request before", scene.get(), 200)
        os.close(reader)
        statuses = [scene.get() for _ in range(50)]
        expect("requests with a closed log", set(statuses), {200})
        until("their lines count as lost", lambda: scene.metric(DROPPED) >= 50, 2)
        scene.alive()
        return "50 requests served"


@fault()
def log_refused(scene):
    """A device that is always full."""
    serve_into(scene, "/dev/full")
    statuses = [scene.get() for _ in range(50)]
    expect("requests with a full log", set(statuses), {200})
    until("their lines count as lost", lambda: scene.metric(DROPPED) >= 50, 2)
    scene.alive()
    return "50 requests served"


@fault()
def log_disk_full(scene):
    """A file on a disk that fills up, and has room again."""
    need_root("a disk of its own")
    disk = scene.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=True)
    scene.ends.callback(subprocess.run, ["umount", disk], check=True)
    log, other = disk / "log", disk / "other"
    other.write_bytes(bytes(DISK * 3 // 4))
    serve_into(scene, log)
    asked = lose_lines(scene)
    other.unlink()
    expect("a request after", scene.get("/after"), 200)
    until("its line is there", lambda: '"/after"' in log.read_text(), 2)
    until("the log says what it lost", lambda: "log lines were dropped" in log.read_text(), 2)
    scene.alive()
    for line in log.read_text().splitlines():
        is_json(line)
    return f"{asked} requests served with a full disk"


class Lines:
    """What comes out of a pipe, from now on."""

    def __init__(self, reader):
        self.text = []
        os.set_blocking(reader, True)
        threading.Thread(target=self._read, args=[reader], daemon=True).start()

    def _read(self, reader):
        with contextlib.suppress(OSError), os.fdopen(os.dup(reader), errors="replace") as file:
            for line in file:
                self.text.append(line)

    def having(self, words):
        return [line for line in self.text if words in line]

    def all_are_json(self):
        for line in self.text:
            is_json(line)


def is_json(line):
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        at = error.pos
        raise Failed(f"each line of the log is whole\n  came     …{line[max(at - 200, 0):at + 200]!r}…") from None
