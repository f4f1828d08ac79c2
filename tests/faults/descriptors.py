"""Fewer file descriptors than connections that want one."""

import socket

from catalogue import fault
from scene import FOUR_WORKERS, IDLE_SHARE, expect, expect_at_most, until

CONNECTIONS = 1000
FULL = 3.0  # seconds
RECOVERY = 2.0


def few_descriptors(scene, limit):
    scene.serve(prefix=["prlimit", f"--nofile={limit}:{limit}", "--"], env=FOUR_WORKERS)
    idle = scene.idle_descriptors()
    inside = scene.connection()
    expect("a request before", inside.status("/", scene.key), 200)
    held = [socket.create_connection(scene.address) for _ in range(CONNECTIONS)]
    until("all descriptors are taken", lambda: scene.descriptors() >= limit, 5)
    until("the log says so", lambda: bool(scene.events("cannot accept connections")), 2)
    before, answers = len(scene.events("cannot accept connections")), []
    share = scene.share(FULL, lambda: answers.append(inside.status("/", scene.key)))
    lines = len(scene.events("cannot accept connections")) - before
    for connection in held:
        connection.close()
    recovered = until("a new connection after the release", lambda: scene.get() == 200, RECOVERY)
    scene.alive()
    expect("requests on a connection that was open before", set(answers), {200})
    expect_at_most("share of a core while full", share, IDLE_SHARE)
    expect("the metric counts failures", scene.metric("doorward_accept_failures_total") > 0, True)
    expect("20 requests on new connections", {scene.get() for _ in range(20)}, {200})
    inside.close()
    until(f"descriptors are {idle} again", lambda: scene.descriptors() <= idle, 15)
    expect_at_most(f"log lines in {FULL} s", lines, FULL + 1)
    return f"{share:.0%} of a core, {lines} lines in {FULL:.0f} s, served after {recovered:.2f} s"


for limit in [64, 256]:
    fault("prlimit", name=f"descriptors-{limit}")(lambda scene, limit=limit: few_descriptors(scene, limit))
