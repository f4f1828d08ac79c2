"""The backend stops, dies, hangs up at the worst moment, or breaks off."""

import itertools
import json
import os
import signal
import subprocess
import time

from catalogue import fault
from client import Load
from scene import Failed, expect, expect_at_most, until

STALL = 1.0  # seconds that the backend may be silent
RECOVERY = 1.0
# How curl ends: a partial file, a failure to receive, an HTTP/2 stream that was reset.
CUT = (18, 56, 92)
GETS, POSTS = 10_000, 2_000


@fault()
def backend_stopped(scene):
    """SIGSTOP: connections succeed, and nothing answers."""
    scene.serve(f'first_byte = "{STALL:.0f}s"\nconnect = "1s"')
    sockets = [scene.websocket() for _ in range(5)]
    expect("requests before", [scene.get() for _ in range(2)], [200, 200])
    os.kill(scene.backend.child.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            began = time.monotonic()
            expect("a request to a stopped backend", scene.get(), 504)
            took = time.monotonic() - began
            expect_at_most("seconds until the 504", took, STALL + 1)
            expect(f"504 after {took:.2f} s, not before the limit", took >= STALL, True)
        expect("a request without a credential", scene.get(credential="none"), 401)
        expect("the metric counts them", scene.metric('doorward_upstream_failures_total{kind="first_byte_timeout"}'), 3)
    finally:
        os.kill(scene.backend.child.pid, signal.SIGCONT)
    recovered = until("a request after SIGCONT", lambda: scene.get() == 200, RECOVERY)
    expect("a message on each WebSocket", [socket.echo(b"still here") for socket in sockets], [True] * 5)
    until("each has its line", lambda: [line["reason"] for line in scene.accesses(504)] == ["first_byte_timeout"] * 3, 2)
    scene.alive()
    return f"3 × 504 at {STALL:.0f} s, served after {recovered:.2f} s"


@fault()
def backend_restarted(scene):
    """Killed and started again under load: only what was in flight fails."""
    scene.serve()
    sockets = [scene.websocket() for _ in range(3)]
    load = Load(8, lambda _: keeping(scene, "/slow?ms=20"))
    until("the load runs", lambda: len(load.outcomes) > 100, 10)
    killed = time.monotonic()
    scene.backend.child.kill()
    expect("close codes of WebSockets whose backend died", [socket.close_code() for socket in sockets], [1011] * 3)
    until("requests are refused", lambda: bool(scene.accesses(502)), 2)
    scene.start_backend()
    up = time.monotonic()
    until("requests succeed again", lambda: any(began > killed and status == 200 for began, _, status in list(load.outcomes)), 5)
    goal = len(load.outcomes) + 200
    until("the load goes on", lambda: len(load.outcomes) >= goal, 10)
    outcomes = load.end()
    failures = [(began, ended, status) for began, ended, status in outcomes if status != 200]
    expect("what a request fails with", {status for *_, status in failures}, {502})
    outside = [(began - killed, ended - up) for began, ended, _ in failures if ended < killed or began > up + RECOVERY]
    expect("failures of requests that ended before the kill or began after the backend was up", outside, [])
    first = min(ended for began, ended, status in outcomes if began > killed and status == 200) - up
    expect_at_most("seconds from the backend being up to the first success", first, RECOVERY)
    scene.alive()
    return f"{len(failures)} of {len(outcomes)} requests failed, all in {up - killed:.2f} s of absence; served after {max(first, 0):.2f} s"


@fault()
def backend_closes_idle_connections(scene):
    """After 1 to 50 ms of silence: a GET is asked again, a POST never."""
    scene.serve(backend=["--idle-close"])
    numbers = itertools.count()
    outcomes = []
    for method, count in [("GET", GETS), ("POST", POSTS)]:
        load = Load(8, lambda _, method=method: numbered(scene, method, numbers))
        until(f"{count} {method}", lambda: len(load.outcomes) >= count, 120)
        outcomes.append([status for *_, status in load.end()])
    gets, posts = outcomes
    expect("answers to GET", set(gets), {200})
    connection = scene.connection()
    delivered = json.loads(connection.ask("/seen", scene.key)[1])
    twice = [request for request, times in delivered.items() if request.startswith("POST") and times > 1]
    expect("POST that the backend got twice", twice, [])
    arrived = sum(request.startswith("POST") for request in delivered)
    expect("answers to POST other than 200 and 502", set(posts) - {200, 502}, set())
    expect("POST that were answered and arrived", posts.count(200) <= arrived, True)
    opened = scene.metric("doorward_upstream_connections_opened_total")
    expect(f"{opened:.0f} connections to the backend: it closed some under way", opened > 100, True)
    scene.alive()
    return f"{len(gets)} GET, {len(posts)} POST ({posts.count(502)} × 502), over {opened:.0f} connections"


def numbered(scene, method, numbers):
    connection = scene.connection()

    def once():
        # Now and then as long as the backend may wait, so that its close and the request meet.
        number = next(numbers)
        time.sleep((number * 7919 % 50) / 1000 if number % 4 == 0 else 0)
        return connection.status(f"/?id={number}", scene.key, method, b"x" if method == "POST" else None)
    return once


def keeping(scene, path):
    connection = scene.connection()
    return lambda: connection.status(path, scene.key)


@fault("curl")
def backend_resets(scene):
    """In the middle of a body: a cut answer looks cut."""
    scene.serve()
    cases = [(version, path) for version in ["--http1.1", "--http2"] for path in ["/cut/length", "/cut/chunked"]]
    for version, path in cases:
        command = ["curl", "-sS", "--max-time", "10", version, "--cacert", scene.sidecar.ca, "-o", "/dev/null", "-w", "%{http_code}",
                   "-H", f"Authorization: Bearer {scene.key}", f"https://localhost:{scene.address[1]}{path}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.stdout != "200" or done.returncode not in CUT:
            raise Failed(f"curl {version} {path}\n  expected 200 and a transfer that was cut\n"
                         f"  came     {done.stdout}, curl ended with {done.returncode}: {done.stderr}")
    expect("the metric counts them", scene.metric('doorward_upstream_failures_total{kind="truncated"}'), len(cases))
    expect("a request after", scene.get(), 200)
    scene.alive()
    return f"{len(cases)} cut answers looked cut"
