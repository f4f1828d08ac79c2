"""The Autobahn suite judges a WebSocket server twice, directly and through doorward: each case must end alike."""

import collections
import json
import shutil
import subprocess

import tools
from checks import table
from stage import Stage

PATIENCE = 1800
# What the suite judges: the messages, and how the connection ended.
JUDGED = ["behavior", "behaviorClose"]
DIRECT, THROUGH = "direct", "through"
# Of the 216 cases of compression, which differ in the length of their thousand messages, the four shortest of each kind: the
# long ones take Python 2 half an hour.
EXCLUDED = [f"{group}.*.{number}" for group in [12, 13] for number in range(5, 19)]
# A case that differs is run so often again. Whether the server answers a good message before it closes over the bad one
# behind it depends on how they arrive: OK or NON-STRICT, which both conform.
AGAIN = 10
# What the suite writes of each case, kept for whoever wants to know more.
PAGES = tools.CACHE / "autobahn-report"


def run(checks, folder, options):
    wstest = tools.wstest()
    with Stage(options.doorward, folder, backend="echo.py") as stage:
        report = judged(wstest, stage, ["*"], PAGES)
        checks.equal("the same cases were run", sorted(report[DIRECT]), sorted(report[THROUGH]))
        for case in in_order(report[DIRECT]):
            compare(checks, wstest, stage, case, *(verdict(report[agent], case) for agent in [DIRECT, THROUGH]))
        checks.equal("doorward after the suite", "runs", stage.state())
    counts = collections.Counter((kind, agent, found[kind]) for agent, cases in report.items() for found in cases.values() for kind in JUDGED)
    kinds = sorted({(kind, word) for kind, _, word in counts})
    table(["judged", "verdict", DIRECT, THROUGH], [[kind, word, *(counts[kind, agent, word] for agent in [DIRECT, THROUGH])] for kind, word in kinds])


def compare(checks, wstest, stage, case, directly, through):
    """Passes when both are alike, or when all that comes through doorward also comes without it, or is plainly right."""
    if directly == through:
        return checks.equal(f"case {case}", directly, through)
    met = {DIRECT: {directly}, THROUGH: {through}}
    for _ in range(AGAIN):
        report = judged(wstest, stage, [case], stage.folder / "again")
        for agent, verdicts in met.items():
            verdicts.add(verdict(report[agent], case))
    print(f"case {case} differs: {directly} directly, {through} through doorward; of {AGAIN + 1} runs {met}", flush=True)
    checks.no(f"verdicts on case {case} through doorward that are neither OK nor met directly", met[THROUGH] - met[DIRECT] - {("OK", "OK")})


def judged(wstest, stage, cases, pages):
    """By agent and case, what the suite found."""
    spec = stage.folder / "fuzzingclient.json"
    shutil.rmtree(pages, ignore_errors=True)
    servers = [
        {"agent": DIRECT, "url": f"ws://127.0.0.1:{stage.backend_port}/"},
        {"agent": THROUGH, "url": f"wss://localhost:{stage.port}/?token={stage.key}"},
    ]
    spec.write_text(json.dumps({"outdir": str(pages), "servers": servers, "cases": cases, "exclude-cases": EXCLUDED, "exclude-agent-cases": {}}))
    with (stage.folder / "wstest.log").open("w") as log:
        command = [wstest, "-m", "fuzzingclient", "-s", spec]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=PATIENCE, cwd=stage.folder)
    return json.loads((pages / "index.json").read_text())


def verdict(cases, case):
    return tuple(cases[case][kind] for kind in JUDGED)


def in_order(cases):
    return sorted(cases, key=lambda name: [int(part) for part in name.split(".")])
