"""Connections that the system takes away, on either side and at any moment: `ss -K`."""

import random
import re
import subprocess
import time
from pathlib import Path

from catalogue import fault, need_root
from client import BROKEN, Load
from scene import PACE, Skipped, expect, expect_at_most, until

ROUNDS = 15
EACH = 2
WEBSOCKETS = 40
ESTABLISHED = "01"


@fault("ss")
def sockets_killed(scene):
    need_root("ss -K")
    scene.serve()
    idle = scene.idle_descriptors()
    websockets = [scene.websocket() for _ in range(WEBSOCKETS)]
    load = Load(12, lambda _: reconnecting(scene))
    until("the load runs", lambda: len(load.outcomes) > 200, 10)
    chance, killed = random.Random(1), 0
    for _ in range(ROUNDS):
        candidates = connections_of(scene)
        killed += sum(kill(*ports) for ports in chance.sample(candidates, min(EACH, len(candidates))))
        time.sleep(PACE)
    if not killed:
        raise Skipped("this kernel destroys no sockets (INET_DIAG_DESTROY)")
    goal = len(load.outcomes) + 200
    until("the load goes on", lambda: len(load.outcomes) >= goal, 10)
    failed = [status for *_, status in load.end() if status != 200]
    lost = sum(not echoes(websocket) for websocket in websockets)
    scene.alive()
    expect_at_most(f"requests failed ({failed}) and WebSockets lost ({lost}) by {killed} killed sockets", len(failed) + lost, killed)
    expect("somebody was hit, and not everybody", 0 < lost < WEBSOCKETS and len(failed) > 0, True)
    expect("20 requests after", {scene.get() for _ in range(20)}, {200})
    for websocket in websockets:
        websocket.close()
    until("all connections are gone", lambda: not connections_of(scene), 15)
    until(f"descriptors are {idle} again", lambda: scene.descriptors() <= idle, 2)
    return f"{killed} sockets killed: {len(failed)} requests failed, {lost} of {WEBSOCKETS} WebSockets lost; {idle} descriptors again"


def reconnecting(scene):
    connection = scene.connection()
    return lambda: connection.status("/slow?ms=20", scene.key)


def echoes(websocket):
    try:
        return websocket.echo(b"still here")
    except (*BROKEN, EOFError):
        return False


def connections_of(scene):
    """Local and remote port of what doorward has with clients and with the backend."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        local, remote = int(local.split(":")[1], 16), int(remote.split(":")[1], 16)
        if state == ESTABLISHED and (local == scene.address[1] or remote == scene.backend_port):
            found.append((local, remote))
    return found


def kill(local, remote):
    """How many sockets it took away: one, or none when it had ended already."""
    command = ["ss", "-K", "-t", "-n", "-H", "state", "established", f"sport = :{local} and dport = :{remote}"]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    return len(re.findall(rf":{local}\b", said))
