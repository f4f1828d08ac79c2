"""What a long proof has measured so far, kept where an interruption does not reach it."""

import hashlib
import json
import os
import pathlib

from harness.processes import progress
from harness.stage import TARGET

FOLDER = TARGET / "prove"


class Journal:
    """The results of the rounds that are over. They count for the same program and the same options only."""

    def __init__(self, name, options, program):
        self.path = FOLDER / f"{name}.json"
        own = {key: value for key, value in vars(options).items() if key not in ("fresh", "first", "doorward", "load")}
        self.about = {"options": own, "program": hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()}
        self.rounds = []
        if options.fresh or not self.path.exists():
            return
        kept = json.loads(self.path.read_text())
        if kept["about"] == json.loads(json.dumps(self.about)):
            self.rounds = kept["rounds"]
            progress(f"{name}: goes on after round {len(self.rounds)} (--fresh starts anew)")

    def until(self, count, measure):
        """The results of so many rounds; each is measured by `measure(number)`, and must be fit for JSON."""
        while len(self.rounds) < count:
            self.rounds.append(measure(len(self.rounds)))
            FOLDER.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(".new")
            beside.write_text(json.dumps({"about": self.about, "rounds": self.rounds}))
            os.replace(beside, self.path)
        self.path.unlink(missing_ok=True)
        return self.rounds
