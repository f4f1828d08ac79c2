"""Configuration, keys and certificate change in turn under load and with 200 open WebSockets: nobody notices.

A change is a rename over the file. It is in force when clients see it: keep-alive connections to every worker are
answered with the new key and refused with the old one, new connections are shown the new certificate.

  dev/prove reloads                    200 changes
  dev/prove reloads --reloads 1000     the long run, whose load must come to 200,000 requests
"""

import ssl
import time

from harness.accounting import Others
from harness.journal import Journal
from harness.probes import PATIENCE, PROBES, ask, closes, in_force
from harness.processes import progress
from harness.settings import fresh_key
from harness.verdicts import load_told, quantile

IN_FORCE_BAR_MS, P99_BAR_MS = 300, 2000
SOCKETS = 100
KINDS = ["configuration", "keys", "certificate"]
# Reloads of a round; what was measured is kept after each.
AT_ONCE = 200
# From this many reloads on, the load must be worth the name.
LONG_RUN, LONG_LOAD = 1000, 200_000


def declare(parser):
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--connections", type=int, default=64, help="of the load of requests")


def prove(stage, options):
    """Nobody who is not concerned notices a reload, and it is in force soon."""
    changes = Changes(stage)
    counts = [min(AT_ONCE, options.reloads - begun) for begun in range(0, options.reloads, AT_ONCE)]
    rounds = Journal("reloads", options, stage.doorward).until(len(counts), lambda number: disturb(stage, changes, options, counts[number]))
    times = {kind: [took for told in rounds for took in told["times"][kind]] for kind in KINDS}
    every = [took for kind in times.values() for took in kind]
    echoes, lost, succeeded, failed = (sum(told[name] for told in rounds) for name in ("echoes", "lost", "succeeded", "failed"))
    print(f"\n{len(every)} reloads, with {2 * SOCKETS} open WebSockets; from the rename to the last of {PROBES} connections that sees it")
    print(f"{'':28}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, took in (times | {"all": every}).items():
        if took:
            print(f"{name:28}{quantile(took, 50):9.0f}{quantile(took, 99):9.0f}{max(took):9.0f}")
    print(f"{echoes:,} messages came back on the WebSockets, one on each after every reload")
    for told in rounds:
        print(told["load"])
    enough = LONG_LOAD if options.reloads >= LONG_RUN else 1
    expected = len(every) * 2 * SOCKETS
    return [
        (f"reloads: {failed} of {succeeded + failed:,} requests failed (bar: 0{f', of {enough:,} at least' if enough > 1 else ''})",
         failed == 0 and succeeded >= enough),
        (f"reloads: {lost} of {2 * SOCKETS} WebSockets lost, {expected - echoes} messages lost (bar: 0)", not lost and echoes == expected),
        (f"reloads: in force after {quantile(every, 99):.0f} ms (p99; bar: ≤ {P99_BAR_MS:,})", quantile(every, 99) <= P99_BAR_MS),
        (f"reloads: in force after {max(every):.0f} ms at most, {len(every)} of {options.reloads} seen (bar: all ≤ {IN_FORCE_BAR_MS})",
         max(every) <= IN_FORCE_BAR_MS and len(every) == options.reloads),
    ]


def disturb(stage, changes, options, count):
    """One round: so many changes, beside a load and WebSockets of its own."""
    sockets = [stage.witness(SOCKETS, stage.key), stage.witness(SOCKETS, changes.staying)]
    load, began, others = stage.requests(options.connections, 0), time.time(), Others()
    times, echoes = {kind: [] for kind in KINDS}, 0
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        took = getattr(changes, kind)()
        times[kind].append(took * 1000)
        if took > PATIENCE:
            break
        echoes += sum(ask(client, "echo")[0] for client in sockets)
        if number % 20 == 19:
            progress(f"{number + 1} reloads")
    others, lost = others.cores(), sum(len(closes(client, 0)) for client in sockets)
    said, succeeded, failed = load_told(f"{options.connections} connections without a pause", load, began, others)
    stage.dismiss(load, *sockets)
    return {"times": times, "echoes": echoes, "lost": lost, "load": said, "succeeded": succeeded, "failed": failed}


class Changes:
    """One of each kind, and the seconds until it is in force."""

    def __init__(self, stage):
        self.stage, self.staying, self.changing = stage, fresh_key(), fresh_key()
        stage.serve(self.staying, self.changing)
        self.probes = stage.probes()
        self.pairs = [[(stage.directory / f"{name}.{end}").read_text() for end in ("key", "crt")] for name in ("server", "another")]

    def configuration(self):
        new, old = fresh_key(), self.stage.declared
        since, self.stage.declared = self.stage.write_config(new), new
        return in_force(self.probes, since, new, old)

    def keys(self):
        new, old = fresh_key(), self.changing
        since, self.changing = self.stage.write_keys(self.staying, new), new
        return in_force(self.probes, since, new, old)

    def certificate(self):
        self.pairs.reverse()
        return shown(self.stage, *self.pairs[0])


def shown(stage, key, chain):
    """Seconds until new connections are shown this certificate, several one after the other."""
    since, wanted, seen = stage.put("server.key", key), ssl.PEM_cert_to_DER_cert(chain), 0
    stage.put("server.crt", chain)
    while seen < PROBES:
        seen = seen + 1 if stage.certificate() == wanted else 0
        if time.time() - since > PATIENCE:
            return float("inf")
    return time.time() - since
