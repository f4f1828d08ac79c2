"""The Autobahn suite judges a WebSocket server twice, directly and through doorward: each case must end alike."""

import collections
import json
import subprocess

import tools
from checks import table
from stage import Stage

PATIENCE = 1200
# The answers that `wstest` has for a case, and for how the connection ended.
JUDGED = ["behavior", "behaviorClose"]
DIRECT, THROUGH = "direct", "through"
# Of the 216 cases of compression, which differ in the length of their thousand messages, the four shortest of each kind: the
# long ones take Python 2 half an hour.
EXCLUDED = [f"{group}.*.{number}" for group in [12, 13] for number in range(5, 19)]


def run(checks, folder, options):
    wstest = tools.wstest()
    with Stage(options.doorward, folder, backend="echo.py") as stage:
        report = judged(wstest, stage, folder / "report")
        compare(checks, report)
        checks.equal("doorward after the suite", "runs", stage.state())


def judged(wstest, stage, folder):
    """By agent and case, what the suite found."""
    servers = [
        {"agent": DIRECT, "url": f"ws://127.0.0.1:{stage.backend_port}/"},
        {"agent": THROUGH, "url": f"wss://localhost:{stage.port}/?token={stage.key}"},
    ]
    spec = {"outdir": str(folder), "servers": servers, "cases": ["*"], "exclude-cases": EXCLUDED, "exclude-agent-cases": {}}
    (stage.folder / "fuzzingclient.json").write_text(json.dumps(spec))
    with (stage.folder / "wstest.log").open("w") as log:
        command = [wstest, "-m", "fuzzingclient", "-s", stage.folder / "fuzzingclient.json"]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    return json.loads((folder / "index.json").read_text())


def compare(checks, report):
    direct, through = report[DIRECT], report[THROUGH]
    checks.equal("the same cases were run", sorted(direct), sorted(through))
    for case in sorted(direct, key=lambda name: [int(part) for part in name.split(".")]):
        ours, its = ({kind: found.get(kind) for kind in JUDGED} for found in [through.get(case, {}), direct[case]])
        checks.equal(f"case {case}, through doorward as directly", its, ours)
    counts = collections.Counter((kind, agent, found[kind]) for agent, cases in report.items() for found in cases.values() for kind in JUDGED)
    kinds = sorted({(kind, verdict) for kind, _, verdict in counts})
    table(["judged", "verdict", DIRECT, THROUGH], [[kind, verdict, *(counts[kind, agent, verdict] for agent in [DIRECT, THROUGH])] for kind, verdict in kinds])
