"""socket(2) and connect(2) fail: no new connection to the backend, those that are open serve on. Or sendto(2) on one that is open."""

from catalogue import fault
from injection import injected
from scene import IDLE_SHARE, Failed, expect, expect_at_most, until

FAILING = 2.0  # seconds
RECOVERY = 2.0


def reaching(scene, call, error):
    scene.serve()
    socket = scene.websocket()
    expect("a request before the fault", scene.get("/close"), 200)  # leaves no connection to the backend
    with injected(scene.pid, call, error):
        answers = []
        share = scene.share(FAILING, lambda: answers.append(scene.get("/close")))
        expect(f"{len(answers)} requests while {call} ends with {error}", set(answers), {502})
        expect("a message on a WebSocket that was open before", socket.echo(b"still here"), True)
        expect("the metric counts them", scene.metric('doorward_upstream_failures_total{kind="connect"}'), len(answers))
    recovered = until("a request after the fault", lambda: scene.get() == 200, RECOVERY)
    until("each has its line", lambda: reasons(scene) == ["connect"] * len(answers), 2)
    scene.alive()
    socket.close()
    expect_at_most("share of a core, for the handshakes of new connections", share, IDLE_SHARE)
    return f"{len(answers)} × 502, served after {recovered:.2f} s"


def reasons(scene):
    return [line["reason"] for line in scene.accesses(502)]


for call, name in [("socket", "EMFILE"), ("socket", "ENOMEM"), ("connect", "ECONNREFUSED"), ("connect", "EADDRNOTAVAIL")]:
    fault("strace", name=f"{call}-{name.lower()}")(lambda scene, call=call, error=name: reaching(scene, call, error))


@fault("strace")
def send_enobufs(scene):
    """The system takes nothing from us for a while, and no peer is gone: a WebSocket that lost a message must not live on."""
    scene.serve()
    socket = scene.websocket()
    expect("a message before", socket.echo(b"before"), True)
    with injected(scene.pid, "sendto", "ENOBUFS"):
        socket.send(1, b"lost")
        expect("a request without a way to answer it", scene.get() in (200, 502), False)
    expect("a request after", scene.get(), 200)
    scene.alive()
    socket.stream.settimeout(RECOVERY)
    code = socket.close_code()
    if code is None:
        raise Failed(f"a WebSocket that lost a message\n  expected its end within {RECOVERY} s\n  came     nothing")
    return f"the WebSocket ended with {code}"
