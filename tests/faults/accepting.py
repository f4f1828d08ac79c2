"""accept4(2) fails, or epoll_ctl(2) on what it returned: nobody new comes in, who is in stays, and it is over when the fault is."""

import socket

from catalogue import fault
from injection import injected
from scene import FOUR_WORKERS, IDLE_SHARE, expect, expect_at_most, until

FAILING = 4.0  # seconds
RECOVERY = 2.0
WAITING = 32  # connections, so that every worker has some


def accepting(scene, call, error):
    scene.serve(env=FOUR_WORKERS)
    inside = scene.connection()
    expect("a request before the fault", inside.status("/", scene.key), 200)
    with injected(scene.pid, call, error):
        waiting = [socket.create_connection(scene.address) for _ in range(WAITING)]
        until("the log says so", lambda: bool(scene.events("cannot accept connections")), 2)
        before, answers = len(scene.events("cannot accept connections")), []
        share = scene.share(FAILING, lambda: answers.append(inside.status("/", scene.key)))
        lines = len(scene.events("cannot accept connections")) - before
    recovered = until("a new connection after the fault", lambda: scene.get() == 200, RECOVERY)
    for connection in waiting:
        connection.close()
    scene.alive()
    expect("requests on a connection that was open before", set(answers), {200})
    expect_at_most(f"share of a core while {call} fails", share, IDLE_SHARE)
    expect("the metric counts failures", scene.metric("doorward_accept_failures_total") > 0, True)
    expect_at_most(f"log lines in {FAILING} s", lines, FAILING + 1)
    return f"{share:.0%} of a core, {lines} lines in {FAILING:.0f} s, served after {recovered:.2f} s"


for name in ["EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED"]:
    fault("strace", name=f"accept-{name.lower()}")(lambda scene, error=name: accepting(scene, "accept4", error))
# What is accepted cannot be waited for: the user's epoll watches are used up.
fault("strace", name="accept-enospc")(lambda scene: accepting(scene, "epoll_ctl", "ENOSPC"))
