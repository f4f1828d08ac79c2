"""100,000 declared keys are compiled and swapped under load: a file of very many keys is no reason to stop."""

import json
import statistics
import time

from harness.accounting import Others, thread_cpu_ms
from harness.probes import in_force
from harness.settings import digest, fresh_key
from harness.verdicts import load_verdict

SWAP_BAR_MS = 250


def declare(parser):
    parser.add_argument("--keys", type=int, default=100_000, help="declared keys")
    parser.add_argument("--connections", type=int, default=64, help="of the load of requests")
    parser.add_argument("--pause", type=int, default=20, help="ms after each answer, while the keys change; 0 fills the machine")


def prove(stage, options):
    """The configuration changes ten times, a key each time."""
    stage.extra = "".join(
        f'\n[[key]]\nid = "key-{number}"\nsha256 = "{digest(str(number))}"\nuser = "user-{number}"\n'
        for number in range(options.keys - 2)
    )
    stage.serve(fresh_key())
    load, began, probes = stage.requests(options.connections, options.pause), time.time(), stage.probes()
    took, others, used = [], Others(), thread_cpu_ms(stage.sidecar.pid, "control")
    for _ in range(10):
        new, old = fresh_key(), stage.declared
        since, stage.declared = stage.write_config(new), new
        took.append(in_force(probes, since, new, old) * 1000)
    others, used = others.cores(), thread_cpu_ms(stage.sidecar.pid, "control") - used
    swaps = [record["milliseconds"] for line in stage.log.read_text().splitlines()
             if '"reloaded"' in line and "milliseconds" in (record := json.loads(line))]
    print(f"\n{options.keys:,} declared keys in {len(stage.extra) / 1e6:.0f} MB, changed {len(took)} times")
    print(f"{'':28}{'p50 ms':>9}{'max ms':>9}")
    print(f"{'read, compile and swap':28}{statistics.median(swaps):9.0f}{max(swaps):9.0f}")
    print(f"{'in force since the rename':28}{statistics.median(took):9.0f}{max(took):9.0f}")
    print(f"processor time of the control plane for each, the two reads of the file included: {used / len(took):.0f} ms")
    verdicts = load_verdict(f"{options.connections} connections, {options.pause} ms of pause", load, began, others, "keys")
    verdicts.append((f"keys: {statistics.median(swaps):.0f} ms to compile and swap, median of {len(swaps)} (bar: ≤ {SWAP_BAR_MS})",
                     len(swaps) == len(took) and statistics.median(swaps) <= SWAP_BAR_MS))
    return verdicts
