"""The parts of the run, and how they report."""

import random
import time

import chance
import shapes
import table
import varnish
from stage import CAPTURE, Stage


class Report:
    """Counts checks, and shows those that failed; all of them when that is wanted."""

    def __init__(self, verbose):
        self.verbose, self.passed, self.failed, self.skipped = verbose, 0, 0, []

    def __call__(self, name, wrong, sent=b""):
        if not wrong:
            self.passed += 1
            if self.verbose:
                print(f"ok      {name!r}", flush=True)
            return
        self.failed += 1
        print(f"FAILED  {name!r}\n    sent: {sent!r}", flush=True)
        for reason in wrong:
            print(f"    {reason}", flush=True)

    def skip(self, name, reason):
        self.skipped.append(name)
        print(f"{name}: skipped: {reason}", flush=True)

    def section(self, name):
        return Section(self, name)


class Section:
    """One line at its end: how many checks there were, and how long they took."""

    def __init__(self, report, name):
        self.report, self.name = report, name

    def __enter__(self):
        self.before, self.started = (self.report.passed, self.report.failed), time.monotonic()
        return self.report

    def __exit__(self, kind, *_):
        if kind:
            return
        passed, failed = self.report.passed - self.before[0], self.report.failed - self.before[1]
        print(f"{self.name}: {passed} passed, {failed} failed in {time.monotonic() - self.started:.1f} s", flush=True)


def run_table(kinds, folder, doorward, _options, report):
    for kind in kinds:
        if reason := kind.unavailable():
            report.skip(kind.name, reason)
            continue
        with report.section(kind.name), Stage(kind, folder / kind.name, doorward) as stage:
            table.run(stage, report)
            report("doorward's log", stage.said_too_much())


def run_random(_kinds, folder, doorward, options, report):
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"random: {options.random} requests, seed {seed}", flush=True)
    with report.section("random"), Stage(CAPTURE, folder / "random", doorward) as stage:
        chance.run(stage, options.random, seed, report)
        report("doorward's log", stage.said_too_much())


def run_shapes(_kinds, folder, doorward, _options, report):
    with report.section("shapes"), Stage(CAPTURE, folder / "shapes", doorward) as stage:
        shapes.run(stage, report)
        report("doorward's log", stage.said_too_much())


def run_varnish(_kinds, folder, doorward, _options, report):
    with report.section("varnish"):
        varnish.run(folder / "varnish", doorward, report)


PARTS = {"table": run_table, "random": run_random, "shapes": run_shapes, "varnish": run_varnish}
