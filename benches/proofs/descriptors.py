"""More connections than file descriptors: doorward lives, keeps calm and quiet, and serves again once they are gone.

doorward may open 256 files, and 1,000 clients connect and say nothing. While it is full it must use little processor time
and say little; after all have left, the next request must succeed soon.
"""

import contextlib
import json
import socket
import ssl
import time

from harness.accounting import cpu_us
from harness.client import bearer
from harness.probes import PATIENCE
from harness.processes import progress
from harness.settings import fresh_key

CPU_BAR, LINES_BAR, SERVED_BAR = 0.2, 1.0, 2.0


def declare(parser):
    parser.add_argument("--descriptors", type=int, default=256)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=15, help="full")


def prove(stage, options):
    stage.descriptors = options.descriptors
    stage.limits |= {"tls_handshake": f"{options.seconds + 30}s"}
    stage.serve(fresh_key())
    before = served(stage, time.time() + PATIENCE)
    clients = connect(stage.port, options.clients)
    exhausted = until_exhausted(stage)
    progress(f"full for {options.seconds} s")
    lines, used, since = log_lines(stage), cpu_us(stage.sidecar.pid), time.time()
    # This is how long it is watched, not a wait for something.
    time.sleep(options.seconds)
    seconds = time.time() - since
    cores, rate = (cpu_us(stage.sidecar.pid) - used) / 1e6 / seconds, (len(log_lines(stage)) - len(lines)) / seconds
    complaints = [line for line in log_lines(stage) if "accept" in line]
    for client in clients:
        client.close()
    took = served(stage, time.time() + PATIENCE)
    alive = stage.sidecar.poll() is None
    print(f"\n{options.clients:,} connections to a doorward of {options.descriptors} descriptors for {seconds:.0f} s: {cores * 100:.1f} % of a core, "
          f"{rate:.2f} log lines a second; {took:.2f} s after they left a request succeeded ({before:.2f} s before them)")
    print(f"  it says: {json.loads(complaints[0]).get('message') or complaints[0][:150] if complaints else 'nothing of it'}")
    return [
        (f"descriptors: all {options.descriptors} were taken (bar: yes)", exhausted),
        (f"descriptors: the process {'lives' if alive else 'ended'}, the log {'tells' if complaints else 'does not tell'} of it", alive and bool(complaints)),
        (f"descriptors: {cores * 100:.1f} % of a core while full (bar: ≤ {CPU_BAR * 100:.0f})", cores <= CPU_BAR),
        (f"descriptors: {rate:.2f} log lines a second while full (bar: ≤ {LINES_BAR:.0f})", rate <= LINES_BAR),
        (f"descriptors: served {took:.2f} s after they left (bar: ≤ {SERVED_BAR:.0f})", took <= SERVED_BAR),
    ]


def connect(port, count):
    """TCP alone; the kernel takes those for which doorward has no descriptor."""
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        clients.append(client)
    return clients


def until_exhausted(stage):
    """Whether the log tells of it; the metrics would need a descriptor, too."""
    until = time.time() + PATIENCE
    while time.time() < until:
        if any("accept" in line for line in log_lines(stage)):
            return True
        time.sleep(0.05)
    return False


def log_lines(stage):
    return [line for line in stage.log.read_text().splitlines() if '"target":"access"' not in line]


def served(stage, until):
    """Seconds until a new connection is answered 200."""
    since, request = time.time(), f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{bearer(stage.key)}\r\n\r\n".encode()
    while time.time() < until:
        with contextlib.suppress(OSError, ssl.SSLError):
            with socket.create_connection(("127.0.0.1", stage.port), 1) as plain:
                with stage.context.wrap_socket(plain, server_hostname="localhost") as stream:
                    stream.sendall(request)
                    if stream.recv(1024).startswith(b"HTTP/1.1 200 "):
                        return time.time() - since
        time.sleep(0.02)
    return float("inf")
