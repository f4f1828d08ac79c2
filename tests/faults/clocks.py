"""The wall clock jumps while the monotonic one goes on: libfaketime, told by a file."""

import os
import pathlib
import time

from catalogue import fault, libfaketime
from client import Load
from scene import IDLE_SHARE, Skipped, expect, expect_at_most, program, until

HOUR = 3600
LEEWAY = 30
FIRST_BYTE = 3.0
CLOSED_WITHIN = 1.0


def dynamic():
    """The program under test if it can be preloaded into, or the one named for this."""
    chosen = pathlib.Path(os.environ.get("DOORWARD_DYNAMIC") or program())
    with chosen.open("rb") as file:
        if b"/ld-" not in file.read(4096):  # the interpreter that an ELF header names
            raise Skipped(f"{chosen.name} is linked statically, and its clock cannot be faked; DOORWARD_DYNAMIC may name one that is not")
    return chosen.resolve()


class Clock:
    """What doorward takes for the time."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "clock"
        self.set(0)

    def set(self, offset):
        self.offset = offset
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{offset:+d}\n")
        os.replace(beside, self.file)

    def now(self):
        return time.time() + self.offset

    def environment(self):
        return {"LD_PRELOAD": libfaketime(), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


def started(scene):
    scene.sidecar.doorward = dynamic()
    clock = Clock(scene.folder)
    scene.serve(f'first_byte = "{FIRST_BYTE:.0f}s"', env=clock.environment())
    return clock


def token(scene, clock, expires_in, issued_ago=2):
    now = clock.now()
    return scene.token("bob", now + expires_in, now - issued_ago)


def timers_go_on(scene, jump):
    """Runs a jump between requests that wait for the backend: one below the limit, one beyond."""
    below, beyond = (Load(1, lambda _, ms=ms: lambda: scene.get(f"/slow?ms={ms}")) for ms in (1500, 60_000))
    began = time.monotonic()
    time.sleep(0.5)  # both are under way
    jump()
    jumped = time.monotonic() - began
    until("the one beyond the limit ends", lambda: bool(beyond.outcomes), 2 * FIRST_BYTE)
    below.ended.set()
    beyond.ended.set()
    expect(f"an answer after 1.5 s, with a jump after {jumped:.1f} s", below.outcomes[0][2], 200)
    since, ended, status = beyond.outcomes[0]
    expect("no answer", status, 504)
    expect(f"it took {ended - since:.1f} s, and the limit is {FIRST_BYTE}", abs(ended - since - FIRST_BYTE) < 1, True)


@fault("faketime")
def clock_forward(scene):
    clock = started(scene)
    short, long = token(scene, clock, HOUR / 2), token(scene, clock, 2 * HOUR)
    expect("both tokens before", [scene.get(credential=each) for each in (short, long)], [200, 200])
    ending, staying, keyed = scene.websocket(short), scene.websocket(long), scene.websocket()
    took = []

    def jump():
        clock.set(HOUR)
        began = time.monotonic()
        expect("close code of the socket whose token has expired", ending.close_code(), 4401)
        took.append(time.monotonic() - began)

    timers_go_on(scene, jump)
    expect_at_most("seconds until it was closed", took[0], CLOSED_WITHIN)
    expect("the expired token, the other, a new one, the key",
           [scene.get(credential=each) for each in (short, long, token(scene, clock, HOUR), scene.key)], [401, 200, 200, 200])
    expect("messages on the other sockets", [socket.echo(b"still here") for socket in (staying, keyed)], [True, True])
    expect_at_most("share of a core after the jump", scene.share(1), IDLE_SHARE)
    expect("the line of the socket says why", [line["reason"] for line in scene.accesses(101)], ["credential expired"])
    scene.alive()
    return f"closed with 4401 after {took[0]:.2f} s; a time limit of {FIRST_BYTE:.0f} s stayed one"


@fault("faketime")
def clock_back(scene):
    clock = started(scene)
    old, keyed = token(scene, clock, HOUR), scene.websocket()
    expect("a token before", scene.get(credential=old), 200)
    timers_go_on(scene, lambda: clock.set(-HOUR))
    expect_at_most("share of a core after the jump", scene.share(1), IDLE_SHARE)
    offers = {
        "expired a minute ago": (token(scene, clock, -LEEWAY - 30, HOUR), 401),
        "expired a moment ago, within the leeway": (token(scene, clock, -LEEWAY / 2, HOUR), 200),
        "good for a minute": (token(scene, clock, 60), 200),
        "from the future, now that time has gone back": (token(scene, clock, 2 * HOUR, -HOUR), 401),
    }
    for what, (offered, status) in offers.items():
        expect(f"a token {what}", scene.get(credential=offered), status)
    expect("the key", scene.get(), 200)
    expect("a message on a WebSocket", keyed.echo(b"still here"), True)
    scene.alive()
    return f"{len(offers)} tokens judged by the new time; a time limit of {FIRST_BYTE:.0f} s stayed one"
