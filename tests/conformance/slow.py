"""Slow clients: heads, bodies and readers of slowhttptest, and such as say nothing or half. All are ended in time, and nobody else notices."""

import re
import select
import socket
import subprocess
import threading
import time

import tools
from checks import table
from peer import END_STREAM, HEADERS, Peer, frame
from stage import Stage

LIMITS = 'tls_handshake = "2s"\nheader_timeout = "2s"\nbody_gap = "2s"\nwrite_stall = "3s"'
HANDSHAKE, HEAD, STALL = 2, 2, 3
CONNECTIONS, A_SECOND = 300, 100
# Beyond a limit, until the last connection is ended.
GRACE = 1
# What a busy machine and the tool itself take, which looks once a second.
TOOL_GRACE = 4
# How long the tool would go on, were it let.
DURATION = 30
PAUSE = 0.05
LOAD = ["-c", str(CONNECTIONS), "-r", str(A_SECOND), "-l", str(DURATION), "-p", "5"]


def run(checks, folder, options):
    program = tools.debian("slowhttptest", "slowhttptest")
    rows = []
    with Stage(options.doorward, folder, limits=LIMITS) as stage:
        for name, (watch, path, arguments) in TOOL.items():
            with Honest(stage) as honest:
                took, closed = watch(checks, stage, name, [str(program), *arguments, "-u", f"https://localhost:{stage.port}{path}"])
            rows.append(judged(checks, stage, name, honest, took, closed))
        for name, (begin, limit) in SILENT.items():
            with Honest(stage) as honest:
                took, closed = by_silence(checks, stage, name, begin, limit)
            rows.append(judged(checks, stage, name, honest, took, closed))
    table(["slow clients", "connections", "closed", "after s", "honest", "worst ms"], rows)


def by_tool(checks, stage, name, command):
    """Slow heads and bodies by slowhttptest, which ends when all its connections are closed; and when that was."""
    began, log = time.monotonic(), stage.folder / f"{name.replace(' ', '-')}.log"
    with log.open("w") as output:
        subprocess.run([*command, *LOAD], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=2 * DURATION)
    took = time.monotonic() - began
    said = re.sub(r"\x1b\[[\d;]*[mHJ]?", "", log.read_text())
    checks.equal(f"{name}: how the tool ended", ["No open connections left"], re.findall(r"Exit status: (.*\S)", said))
    checks.equal(f"{name}: the service, as the tool found it", {"YES"}, set(re.findall(r"service available:\s+(\w+)", said)))
    checks.at_most(f"{name}: all are closed after", CONNECTIONS / A_SECOND + STALL + TOOL_GRACE, took, " s")
    return took, CONNECTIONS


def by_readers(checks, stage, name, command):
    """Slow readers by slowhttptest. What the kernel keeps for them hides from it that they were closed: the backend tells."""
    with subprocess.Popen([*command, *LOAD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as tool:
        since = time.monotonic()
        begun, busy = most, _ = stage.of_backend("/busy")
        while (busy or begun < CONNECTIONS) and time.monotonic() < since + DURATION:
            time.sleep(PAUSE)
            begun, busy = stage.of_backend("/busy")
            if begun > most:
                most, since = begun, time.monotonic()
        took = time.monotonic() - since
        tool.terminate()
    # The tool's own probes ask for the same.
    checks.equal(f"{name}: answers begun, and under way at the end", (CONNECTIONS, 0), (min(begun, CONNECTIONS), busy))
    checks.at_most(f"{name}: the last is released after", STALL + TOOL_GRACE, took, " s")
    return took, begun - busy


def by_silence(checks, stage, name, begin, limit):
    """Connections that say no more, and when the last of them was ended."""
    open_ones = [begin(stage) for _ in range(CONNECTIONS)]
    began, closed = time.monotonic(), 0
    poll = select.poll()
    for one in open_ones:
        poll.register(one, select.POLLRDHUP)
    while closed < CONNECTIONS and time.monotonic() < began + 3 * limit:
        for descriptor, _ in poll.poll(200):
            poll.unregister(descriptor)
            closed += 1
    took = time.monotonic() - began
    for one in open_ones:
        one.close()
    checks.equal(f"{name}: connections that are closed", CONNECTIONS, closed)
    checks.at_most(f"{name}: all are closed after", limit + GRACE, took, " s")
    return took, closed


def nothing(stage):
    return socket.create_connection(("127.0.0.1", stage.port))


def half_a_hello(stage):
    tcp = nothing(stage)
    tcp.sendall(bytes.fromhex("16030102000100"))
    return tcp


def half_a_head(stage):
    tls = stage.trust.wrap_socket(nothing(stage), server_hostname="localhost")
    tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    return tls


def half_a_block(stage):
    """HEADERS of HTTP/2 whose CONTINUATION does not come."""
    peer = Peer(stage.port)
    peer.say(frame(HEADERS, END_STREAM, 1, b"\x82\x87"))
    return peer.tls


TOOL = {
    "slow heads": (by_tool, "/open/slow", ["-H", "-i", "1", "-t", "GET"]),
    "slow bodies": (by_tool, "/open/slow", ["-B", "-i", "3", "-s", "8192", "-t", "POST"]),
    "slow readers": (by_readers, "/open/big", ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "1"]),
}
SILENT = {
    "nothing said": (nothing, HANDSHAKE), "half a ClientHello": (half_a_hello, HANDSHAKE),
    "half a head": (half_a_head, HEAD), "half a header block": (half_a_block, HEAD),
}


class Honest:
    """Asks on and on, each time on a new connection, within its `with` block."""

    def __init__(self, stage):
        self.stage, self.over, self.statuses, self.worst = stage, threading.Event(), [], 0
        self.asking = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        while not self.over.wait(PAUSE):
            began = time.monotonic()
            self.statuses.append(self.stage.ask())
            self.worst = max(self.worst, time.monotonic() - began)

    def __enter__(self):
        self.asking.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.asking.join()


def judged(checks, stage, name, honest, took, closed):
    checks.equal(f"{name}: honest requests", {200}, set(honest.statuses))
    checks.equal(f"{name}: doorward", "runs", stage.state())
    return [name, CONNECTIONS, closed, f"{took:.1f}", len(honest.statuses), f"{honest.worst * 1000:.0f}"]
