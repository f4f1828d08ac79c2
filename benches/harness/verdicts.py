"""How proofs say what they found: quantiles, tables, and verdicts, each a text and whether it holds."""

import os
import pathlib
import re
import time

from harness.probes import ask
from harness.processes import tail


def print_conditions(options):
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{model[1] if model else 'unknown processor'}, {len(os.sched_getaffinity(0))} cores, Linux {os.uname().release}, "
          f"load {os.getloadavg()[0]:.1f} before")
    if options.first:
        print("all processes of this proof take precedence over others on this machine (--first)")
    print("doorward, its clients and its backend share all cores")


def print_verdicts(verdicts):
    """Prints every bar and the count, and answers with the exit code."""
    print("\nBars")
    for text, holds in verdicts:
        print(f"  {'PASS' if holds else 'FAIL'}  {text}")
    passed = sum(holds for _, holds in verdicts)
    print(f"{passed} passed, {len(verdicts) - passed} failed")
    return 0 if verdicts and passed == len(verdicts) else 1


def load_told(kind, load, began, others):
    """Ends the load; how it fared as a line of text, and how many of its requests succeeded and failed."""
    succeeded, failed, p50, p99, slowest = ask(load, "")
    rate = succeeded / (time.time() - began)
    said = (f"load: {kind}, {succeeded:,} requests ({rate:.0f} a second), p50 {p50 / 1000:.1f} ms, p99 {p99 / 1000:.1f} ms, "
            f"slowest {slowest / 1000:.0f} ms; others used {others:.1f} cores meanwhile")
    return said + (f"\n{tail(load)}" if failed else ""), succeeded, failed


def load_verdict(kind, load, began, others, name):
    """The same, as a verdict."""
    said, succeeded, failed = load_told(kind, load, began, others)
    print(said)
    return [(f"{name}: {failed} of {succeeded + failed:,} requests failed (bar: 0)", failed == 0 and succeeded > 0)]


def quantile(values, percent):
    return sorted(values)[min(int(len(values) * percent / 100), len(values) - 1)] if values else float("inf")
