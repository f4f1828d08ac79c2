"""A key of 4,500 among 9,000 open WebSockets leaves its file: they are closed at once, no other is.

  dev/prove revocation                               once, with as many sockets as the descriptors allow
  dev/prove revocation --rounds 100 --sockets 200    again and again, watching every 20 ms when the key is last accepted
"""

import re
import resource
import threading
import time
from pathlib import Path

from harness.accounting import Others
from harness.journal import Journal
from harness.probes import Probe, ask, closes
from harness.processes import progress
from harness.settings import fresh_key
from harness.verdicts import quantile

CLOSED_BAR_MS = 1000
REFUSED_BAR_MS = 1000
# What a process needs beside its sockets.
SPARE_DESCRIPTORS = 300
PROBE_EVERY = 0.02


def declare(parser):
    parser.add_argument("--sockets", type=int, default=9000, help="open WebSockets")
    parser.add_argument("--rounds", type=int, default=1)


def prove(stage, options):
    """The sockets of a key that is gone are closed; the key is refused on open connections, too."""
    half = possible_sockets(options.sockets) // 2
    staying = fresh_key()
    stage.serve(staying)
    others = Others()
    measured = Journal("revocation", options, stage.doorward).until(options.rounds, lambda number: revoke(stage, staying, half, number))
    ends = [moment for told in measured for moment in told["ends"]]
    proper, revoked = len(ends), half * len(measured)
    print(f"\nA key of {half:,} among {2 * half:,} open TLS WebSockets leaves its file"
          f"{f', {len(measured)} times' if len(measured) > 1 else ''}; since the rename")
    print(f"{'':28}{'first ms':>9}{'p50 ms':>9}{'last ms':>9}")
    for name, moments in {"close frame received": [at for told in measured for at in told["frames"]], "connection ended": ends,
                          "key last accepted": [told["accepted"] for told in measured]}.items():
        moments = moments or [float("inf")]
        print(f"{name:28}{min(moments):9.0f}{quantile(moments, 50):9.0f}{max(moments):9.0f}")
    print(f"resident memory of doorward with all of them: {peak_mib(stage.sidecar.pid)} MiB at most; "
          f"others used {others.cores():.1f} cores meanwhile")
    last, accepted = max(ends, default=float("inf")), max(told["accepted"] for told in measured)
    echoed, lost = (sum(told[name] for told in measured) for name in ("echoed", "lost"))
    return [
        (f"revocation: {proper:,} of {revoked:,} closed with 4403, the last after {last:.0f} ms (bar: all, ≤ {CLOSED_BAR_MS})",
         proper == revoked and last <= CLOSED_BAR_MS),
        (f"revocation: {echoed:,} of the {revoked:,} others echo a message, {lost} lost (bar: all, 0)", echoed == revoked and not lost),
        (f"revocation: the key was last accepted {accepted:.0f} ms after (bar: ≤ {REFUSED_BAR_MS})", accepted <= REFUSED_BAR_MS),
    ]


def possible_sockets(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, (hard - SPARE_DESCRIPTORS) // 2)
    if possible < wanted:
        print(f"\n{possible:,} WebSockets only: doorward may open {hard:,} files, and each takes two")
    return possible


def revoke(stage, staying, half, number):
    """One round: milliseconds since the rename of what happened to whom."""
    leaving = fresh_key()
    stage.write_keys(staying, leaving)
    watch = Watch(stage, leaving)
    progress(f"round {number + 1}: opening {2 * half:,} WebSockets")
    remaining, revoked = stage.witness(half, staying), stage.witness(half, leaving)
    since = stage.write_keys(staying)
    ended = closes(revoked, half)
    watch.thread.join()
    echoed, still = ask(remaining, "echo")
    lost = closes(remaining, 0)
    stage.dismiss(remaining, revoked)
    proper = [close for close in ended if close[0] == 4403]
    return {
        "frames": [(frame - since) * 1000 for _, frame, _ in proper], "ends": [(moment - since) * 1000 for _, _, moment in proper],
        "accepted": max(0.0, (watch.accepted - since) * 1000), "echoed": min(echoed, still), "lost": len(lost),
    }


class Watch:
    """Asks with a key on one keep-alive connection until it is refused, from when it is first accepted."""

    def __init__(self, stage, key):
        self.probe, self.key, self.accepted = Probe(stage), key, 0.0
        while self.probe.status(key) != 200:
            time.sleep(PROBE_EVERY)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while True:
            asked = time.time()
            if self.probe.status(self.key) != 200:
                return
            self.accepted = asked
            time.sleep(PROBE_EVERY)


def peak_mib(pid):
    return int(re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1]) // 1024
