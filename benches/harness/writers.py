"""Processes of benches/store that write one file, and the check of what they were told."""

import pathlib
import signal
import subprocess
import threading

from harness.processes import end, progress, run
from harness.stage import ROOT, TARGET

# So many numbers are a writer's own; which change is made follows from its number.
OWN = 10_000_000


class Writers:
    """What a proof of the store has instead of a proxy."""

    def __init__(self, directory, options):
        self.directory, self.running, self.started = directory, [], 0
        self.program = options.writer or str(TARGET / "release/examples/store_writer")
        if not options.writer:
            progress("building what is not built")
            run(["cargo", "build", "--release", "--quiet", "--example", "store_writer"], cwd=ROOT)

    def start(self, file, count=OWN, prefix=()):
        """Starts a writer of other changes than those before it."""
        command = [*prefix, self.program, "write", str(file), str(self.started * OWN), str(count)]
        self.started += 1
        writer = Writer(command)
        self.running.append(writer.process)
        return writer

    def verify(self, file, said):
        """How many changes are logged, and the seconds to open the file; or what is not as it was said."""
        pipes = {"input": said, "capture_output": True, "text": True, "timeout": 120}
        done = subprocess.run([self.program, "verify", str(file)], check=False, **pipes)
        if done.returncode:
            return 0, float("inf"), [done.stderr.strip()]
        logged, _, milliseconds = done.stdout.split()
        return int(logged), int(milliseconds) / 1000, []

    def end_all(self):
        for process in self.running:
            end(process)


class Writer:
    """A writer, and all that it has said so far."""

    def __init__(self, command):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, start_new_session=True, **pipes)
        self.lines, self.heard = [], threading.Condition()
        self.listening = threading.Thread(target=self.listen, daemon=True)
        self.listening.start()

    def listen(self):
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()
        with self.heard:
            self.listening = None
            self.heard.notify_all()

    def until_failed(self, seconds=60):
        """Waits for a change that failed, or for the end; whether one has failed."""
        with self.heard:
            self.heard.wait_for(lambda: self.listening is None or self.failed(), seconds)
        return bool(self.failed())

    def failed(self):
        """The words of each change that failed, by its number."""
        lines = (line.split(" ", 2) for line in list(self.lines) if line.startswith("failed "))
        return {int(number): words.strip() for _, number, words in lines}

    def go_on(self):
        """It waits for this after each failure: so that none comes twice for the same reason."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.said()

    def said(self):
        """All of it, when it has ended."""
        self.process.wait(120)
        with self.heard:
            self.heard.wait_for(lambda: self.listening is None, 60)
        return "".join(self.lines)

    def complaint(self):
        return self.process.stderr.read().strip()


def acknowledged(said):
    return sum(line.startswith("acknowledged ") for line in said.splitlines())


def names(directory):
    return sorted(path.name for path in pathlib.Path(directory).iterdir())
