"""SIGTERM with requests, streams and WebSockets open."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

from catalogue import fault
from client import Load
from scene import PAUSE, expect, expect_at_most, until

DRAIN = 4.0
SLOW = 8
SLOW_MS = 1500


@fault()
def stop_drains(scene):
    with ThreadPoolExecutor(SLOW) as pool:
        return drains(scene, pool)


def drains(scene, pool):
    scene.serve(f'drain = "{DRAIN:.0f}s"')
    sockets = [scene.websocket() for _ in range(5)]
    idle = scene.connection()
    expect("a request before", idle.status("/", scene.key), 200)
    events = stream(scene)
    slow = [pool.submit(scene.get, f"/slow?ms={SLOW_MS}") for _ in range(SLOW)]
    quick = Load(4, lambda _: lambda: paced(scene))
    until("the load runs", lambda: len(quick.outcomes) > 50, 10)
    stopped = time.monotonic()
    scene.server.child.send_signal(signal.SIGTERM)
    expect("close codes of the WebSockets", [socket.close_code() for socket in sockets], [1012] * 5)
    until("nobody new is let in", lambda: scene.get() == "ConnectionRefusedError", 1)
    status = scene.server.child.wait(DRAIN + 10)
    took = time.monotonic() - stopped
    expect("how it ends", status, 0)
    expect_at_most("seconds until it ends", took, DRAIN + 2)
    expect("requests that were under way", [request.result() for request in slow], [200] * SLOW)
    outcomes = quick.end()
    expect("answers until it was gone", {status for *_, status in outcomes} - {200, 503}, {"ConnectionRefusedError"})
    refused = min(began for began, _, status in outcomes if status == "ConnectionRefusedError")
    late = [(round(began - stopped, 3), status) for began, _, status in outcomes
            if began > refused + 0.1 and status != "ConnectionRefusedError"]
    expect(f"answers after the first refusal, {refused - stopped:.3f} s after SIGTERM", late, [])
    expect("the stream had begun and has ended", len(events.read()) > 0, True)
    expect("it says so", len(scene.events("draining")), 1)
    return f"{len(outcomes)} quick and {SLOW} slow requests, exit 0 after {took:.1f} s"


def paced(scene):
    time.sleep(PAUSE)
    return scene.get()


def stream(scene):
    """The answer of an event stream that never ends by itself, after its first event."""
    connection = scene.connection()
    connection.http.request("GET", "/events", headers={"Authorization": f"Bearer {scene.key}"})
    answer = connection.http.getresponse()
    expect("the first event", answer.readline(), b"data: x\n")
    return answer


@fault()
def stop_twice(scene):
    scene.serve('drain = "30s"')
    events = stream(scene)
    slow = Load(1, lambda _: lambda: scene.get("/slow?ms=20000"))
    scene.get()
    scene.server.child.send_signal(signal.SIGTERM)
    until("it drains", lambda: len(scene.events("draining")) == 1, 2)
    expect("it waits for a request", scene.server.child.poll(), None)
    again = time.monotonic()
    scene.server.child.send_signal(signal.SIGTERM)
    status = scene.server.child.wait(10)
    expect_at_most("seconds until it ends", time.monotonic() - again, 1)
    slow.ended.set()
    events.close()
    expect("how it ends: not as if all was done", status, 1)
    return f"ended with {status} after {time.monotonic() - again:.2f} s"
