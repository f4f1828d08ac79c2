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
TOOL = {
    "slow heads": ("/open/slow", ["-H", "-i", "1", "-t", "GET"]),
    "slow bodies": ("/open/slow", ["-B", "-i", "3", "-s", "8192", "-t", "POST"]),
    "slow readers": ("/open/big", ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "1"]),
}


def run(checks, folder, options):
    program = tools.debian("slowhttptest", "slowhttptest")
    rows = []
    with Stage(options.doorward, folder, limits=LIMITS) as stage:
        for name, (path, arguments) in TOOL.items():
            with Honest(stage) as honest:
                took, closed = by_tool(checks, stage, name, [str(program), *arguments, "-u", f"https://localhost:{stage.port}{path}"])
            rows.append(judged(checks, stage, name, honest, took, closed))
        for name, (begin, limit) in SILENT.items():
            with Honest(stage) as honest:
                took, closed = by_silence(checks, stage, name, begin, limit)
            rows.append(judged(checks, stage, name, honest, took, closed))
    table(["slow clients", "connections", "closed", "after s", "honest", "worst ms"], rows)


def by_tool(checks, stage, name, command):
    """What slowhttptest says of its connections at the end, and when that was."""
    command += ["-c", str(CONNECTIONS), "-r", str(A_SECOND), "-l", str(DURATION), "-p", "5"]
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * DURATION)
    took = time.monotonic() - began
    said = re.sub(r"\x1b\[[\d;]*[mHJ]?", "", done.stdout)
    (stage.folder / f"{name.replace(' ', '-')}.log").write_text(said[-3000:])
    last = {state: int(number) for state, number in re.findall(r"(initializing|pending|connected|error|closed):\s+(\d+)", said)}
    expected = {"initializing": 0, "pending": 0, "connected": 0, "error": 0, "closed": CONNECTIONS}
    checks.equal(f"{name}: connections at the end", expected, last)
    checks.among(f"{name}: the service, as the tool found it", ["YES"], "".join(re.findall(r"service available:\s+(\w+)", said)[-1:]))
    checks.at_most(f"{name}: all are closed after", CONNECTIONS / A_SECOND + STALL + TOOL_GRACE, took, " s")
    return took, last.get("closed")


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
