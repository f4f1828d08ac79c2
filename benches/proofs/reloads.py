"""Configuration, keys and certificate change in turn under load and with 200 open WebSockets: nobody notices.

A change is a rename over the file. It is in force when clients see it: keep-alive connections to every worker are
answered with the new key and refused with the old one, new connections are shown the new certificate.

  dev/prove reloads                    200 changes
  dev/prove reloads --reloads 1000     the long run, whose load must come to 200,000 requests
"""

import ssl
import time

from harness.accounting import Others
from harness.probes import PATIENCE, PROBES, ask, closes, in_force
from harness.processes import progress
from harness.settings import fresh_key
from harness.verdicts import load_verdict, quantile

IN_FORCE_BAR_MS = 300
SOCKETS = 100
# From this many reloads on, the load must be worth the name.
LONG_RUN, LONG_LOAD = 1000, 200_000


def declare(parser):
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--connections", type=int, default=64, help="of the load of requests")


def prove(stage, options):
    """Nobody who is not concerned notices a reload, and it is in force soon."""
    staying, changing = fresh_key(), fresh_key()
    stage.serve(staying, changing)
    sockets = [stage.witness(SOCKETS, stage.key), stage.witness(SOCKETS, staying)]
    load, began, others = stage.requests(options.connections, 0), time.time(), Others()
    times, echoes = change(stage, options.reloads, staying, changing, sockets)
    others = others.cores()
    lost = [close for client in sockets for close in closes(client, 0)]
    every = [took for kind in times.values() for took in kind]
    print(f"\n{len(every)} reloads, with {2 * SOCKETS} open WebSockets; from the rename to the last of {PROBES} connections that sees it")
    print(f"{'':28}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, took in (times | {"all": every}).items():
        if took:
            print(f"{name:28}{quantile(took, 50):9.0f}{quantile(took, 99):9.0f}{max(took):9.0f}")
    print(f"{echoes:,} messages came back on the WebSockets, one on each after every reload")
    answered = stage.metric("doorward_requests_total")
    verdicts = load_verdict(f"{options.connections} connections without a pause", load, began, others, "reloads")
    if options.reloads >= LONG_RUN:
        verdicts.append((f"reloads: {answered:,.0f} requests answered meanwhile (bar: ≥ {LONG_LOAD:,})", answered >= LONG_LOAD))
    expected = len(every) * 2 * SOCKETS
    verdicts.append((f"reloads: {len(lost)} of {2 * SOCKETS} WebSockets lost, {expected - echoes} messages lost (bar: 0)",
                     not lost and echoes == expected))
    verdicts.append((f"reloads: in force after {quantile(every, 99):.0f} ms (p99), {max(every):.0f} ms at most, "
                     f"{len(every)} of {options.reloads} seen (bar: all ≤ {IN_FORCE_BAR_MS})",
                     max(every) <= IN_FORCE_BAR_MS and len(every) == options.reloads))
    return verdicts


def change(stage, reloads, staying, changing, sockets):
    """Milliseconds that each kind of change took, and how many messages came back."""
    probes = stage.probes()
    pairs = [[(stage.directory / f"{name}.{end}").read_text() for end in ("key", "crt")] for name in ("server", "another")]
    times, echoes = {"configuration": [], "keys": [], "certificate": []}, 0
    for number in range(reloads):
        kind = list(times)[number % 3]
        if kind == "configuration":
            new, old = fresh_key(), stage.declared
            since, stage.declared = stage.write_config(new), new
            took = in_force(probes, since, new, old)
        elif kind == "keys":
            new, old = fresh_key(), changing
            since, changing = stage.write_keys(staying, new), new
            took = in_force(probes, since, new, old)
        else:
            pairs.reverse()
            took = shown(stage, *pairs[0])
        times[kind].append(took * 1000)
        if took > PATIENCE:
            break
        echoes += sum(ask(client, "echo")[0] for client in sockets)
        if number % 20 == 19:
            progress(f"{number + 1} reloads")
    return times, echoes


def shown(stage, key, chain):
    """Seconds until new connections are shown this certificate, several one after the other."""
    since, wanted, seen = stage.put("server.key", key), ssl.PEM_cert_to_DER_cert(chain), 0
    stage.put("server.crt", chain)
    while seen < PROBES:
        seen = seen + 1 if stage.certificate() == wanted else 0
        if time.time() - since > PATIENCE:
            return float("inf")
    return time.time() - since
