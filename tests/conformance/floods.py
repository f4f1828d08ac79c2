"""Hostile HTTP/2: malformed requests, misplaced frames, floods."""

import json
import socket
import ssl
import subprocess
import sys
import time

import malformed
import misframed
from attacks import FLOODS, Scene
from checks import table
from malformed import Request
from meter import Usage
from peer import Peer
from sidecar import Process
from stage import HERE, PATIENCE, Stage

GROUPS = {
    "honest": malformed.HONEST, "names and values": malformed.NAMES_AND_VALUES, "pseudo-headers": malformed.PSEUDO_HEADERS,
    "lengths and limits": malformed.LENGTHS, "to be ignored": misframed.IGNORED, "frame sizes": misframed.SIZES,
    "streams": misframed.STREAMS, "windows": misframed.WINDOWS, "header compression": misframed.COMPRESSION,
}
# Short, so that what lapses does so soon.
LIMITS = 'header_timeout = "2s"\nbody_gap = "2s"\nwrite_stall = "3s"'
AMPLIFICATION = 100
# A process that did nothing before grows by so much when it does anything.
WARM_KIB = 3072
GROWTH_KIB = 32 * 1024
SLOWER = 2.0
# What is ended before it can cost an honest client anything. Of other floods the time beside them is shown: they are mostly
# made of what an admitted client may do, and this machine's backend and the flood's own sender slow the honest client, too.
ENDED_EARLY = ("rapid reset", "CONTINUATION", "MadeYouReset")
# Seconds for which the honest client is measured, alone and beside a flood.
PERIOD, TIMED_PERIOD = 1.0, 5.0


def run(checks, folder, options):
    with Stage(options.doorward, folder, limits=LIMITS) as stage:
        cases(checks, stage)
        sink = Process([sys.executable, HERE / "sink.py", *stage.certificate()], folder / "sink.log")
        with sink:
            floods(checks, stage, sink, options)


def cases(checks, stage):
    rows = []
    for group, members in GROUPS.items():
        failed = checks.failed
        for case in members:
            with Peer(stage.port) as peer:
                said = case.say(Request(peer, stage.port, stage.key, case.name))
                peer.say(said)
                checks.equal(f"{case.name} ({said[:60]!r})", case.verdict, peer.await_verdict(case.stream))
        rows.append([group, len(members), checks.failed - failed])
    checks.equal("an honest request after all cases", 200, stage.ask(headers={"x-case": "last"}))
    reached(checks, stage)
    table(["malformed", "cases", "failed"], rows)


def reached(checks, stage):
    """What the backend was given: as many whole requests as each case may cause, and nothing of what a client invents."""
    whole = [asked for asked in stage.seen() if asked["whole"]]
    for case in [case for members in GROUPS.values() for case in members]:
        checks.among(f"requests that reach the backend by: {case.name}", case.reaches, sum(asked["case"] == case.name for asked in whole))
    for name, value in {"user_id": "alice", "x_forwarded_proto": "https"}.items():
        others = [asked for asked in whole if [said for field, said in asked["fields"] if field.lower().replace("-", "_") == name] != [value]]
        checks.no(f"requests whose only {name} is not {value}", others)
    checks.no("targets that were not asked for", [asked["target"] for asked in whole if asked["target"] not in ["/case", "/honest"]])


def floods(checks, stage, sink, options):
    rows, port = [], int(sink.wait_for("ready "))
    for name, wave in FLOODS.items():
        stage.restart()
        checks.equal(f"{name}: an honest request before", 200, stage.ask())
        with Scene(stage) as scene, Usage(stage.pid) as used:
            found = wave(scene)
            sent = sum(peer.sent for peer in scene.peers)
        judge(checks, name, found)
        with Usage(sink.child.pid) as reading:
            replay(port, scene.peers)
        growth = max(0, used.growth_kib)
        times = used.cpu_ms / max(reading.cpu_ms, 0.01)
        checks.at_most(f"{name}: processor time beside that of a sink", AMPLIFICATION, times, "×")
        checks.at_most(f"{name}: growth of memory", min(GROWTH_KIB, WARM_KIB + found.may_hold_kib + AMPLIFICATION * sent / 1024), growth, " KiB")
        alone, beside = honest(checks, stage, name, wave, TIMED_PERIOD if options.timed else PERIOD)
        if options.timed and name.startswith(ENDED_EARLY):
            checks.at_most(f"{name}: an honest client's p99 beside it", SLOWER * alone, beside, " ms")
        checks.equal(f"{name}: an honest request after", 200, stage.ask())
        checks.equal(f"{name}: doorward", "runs", stage.state())
        per_thousand = 1000 * used.cpu_ms / found.frames
        rows.append([name, found.frames, sent, f"{used.cpu_ms:.1f}", f"{reading.cpu_ms:.1f}", f"{times:.1f}", f"{per_thousand:.2f}", growth, f"{growth * 1024 / sent:.1f}", f"{alone:.1f}", f"{beside:.1f}"])
    table(["flood", "frames", "bytes", "CPU ms", "sink ms", "×", "ms/1,000", "RSS KiB", "× bytes", "p99 ms alone", "beside"], rows)


def judge(checks, name, found):
    for what, expected, came in found.findings:
        checks.equal(f"{name}: {what}", expected, came)


def replay(port, peers):
    """The same connections, records and bytes, to where they are only read."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    for peer in peers:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as tcp, context.wrap_socket(tcp) as tls:
            for portion in peer.portions:
                tls.sendall(portion)


def honest(checks, stage, name, wave, period):
    """The 99th percentile of a client that is alone, and beside waves of the flood."""
    command = [sys.executable, HERE / "honest.py", str(stage.port), str(stage.sidecar.ca)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        def end_of_period(line):
            client.stdin.write(line + "\n")
            client.stdin.flush()
            return json.loads(client.stdout.readline())

        client.stdin.write(stage.key + "\n")
        client.stdin.flush()
        client.stdout.readline()
        time.sleep(period)
        alone = end_of_period("next")
        over = time.monotonic() + period
        while time.monotonic() < over:
            with Scene(stage) as scene:
                wave(scene)
        beside = end_of_period("")
        client.stdin.close()
    checks.equal(f"{name}: honest requests that failed", (0, 0), (alone["failed"], beside["failed"]))
    return alone["p99_ms"], beside["p99_ms"]
