#!/usr/bin/env python3
"""Does what the guides to the backends say, in their order, and holds what comes of it to what they show.

  dev/checks/guides.py PATH-OF-DOORWARD [GUIDE…]

Each guide gets an empty folder and a backend that speaks as its own does. In the guide,

- a TOML block that begins with `# PATH` is written there, and one with `# add to PATH` is added;
- an `sh` block that ends in `doorward serve`, with or without `--config PATH`, runs from then on in a shell of its own, in
  place of the one before;
- every other `sh` block is run command by command in one shell. After a curl stands the status that has to come, and
  the output if that is short: `# 403 forbidden`. Other commands end with 0, or as `# exits with 3` says;
- where it says `Stop doorward (Ctrl-C)`, it is stopped;
- a `text` block is what the commands of the block before it print that do not show it themselves. `…` stands for anything;
- after `<!-- needs docker -->` a block is left out, and named.

Two addresses are not what the guide says but what is free here: the backend's and doorward's own.
"""

import contextlib
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import backends
from backends import PATIENCE, ROOT, Process, own_environment

GUIDES = ROOT / "docs" / "guides"
SECTIONS = ["What it does", "Run", "Verify", "When it does not work", "Security"]
BLOCK = re.compile(r"^(<!-- needs docker -->\n+)?```(\w*)\n(.*?)^```$|(Stop doorward) \(Ctrl-C\)", re.M | re.S)
SHOWN = re.compile(r"\s# (?:(\d{3})(?: (.*))?|exits with (\d+))$")
SERVE = re.compile(r"\bdoorward serve(?: --config \S+)?$")
CONFIGURATION = "config/doorward.toml"
HERE = {"DOORWARD_LISTEN": "127.0.0.1:0", "DOORWARD_TELEMETRY_ADDRESS": "127.0.0.1:0"}


def main():
    program, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    done, skipped, faults = [], 0, []
    for name, start in backends.OF_GUIDES.items():
        if wanted and name not in wanted:
            continue
        page = GUIDES / f"{name}.md"
        guide = Guide(page.read_text())
        found = guide.faults()
        if reason := backends.unavailable(name):
            print(f"skipped: {page.name}: {reason}", flush=True)
            skipped += 1
        else:
            with tempfile.TemporaryDirectory(prefix=f"doorward-{name}-") as folder:
                found += Walk(guide, start, program, pathlib.Path(folder)).faults()
            done.append(guide)
        faults += [f"{page.name}: {fault}" for fault in found]
        print(f"{page.name}: {guide.commands} commands, {len(found)} failures", flush=True)
    faults += unlisted()
    for fault in faults:
        print(f"FAILED: {fault}")
    left_out = sum(guide.left_out for guide in done)
    rest = "".join([f", {skipped} guides skipped" if skipped else "", f", {left_out} left out" if left_out else ""])
    print(f"{len(done)} guides, {sum(guide.commands for guide in done)} commands, {len(faults)} failures{rest}")
    return 1 if faults or not done else 0


def unlisted():
    listed = (GUIDES / "README.md").read_text()
    return [f"README.md does not list {name}.md" for name in backends.OF_GUIDES if f"]({name}.md)" not in listed]


class Guide:
    """What a page tells to do: its blocks, in their order."""

    def __init__(self, text):
        self.text = text
        self.blocks = [(stop or kind, body, bool(docker)) for docker, kind, body, stop in BLOCK.findall(text)]
        self.commands = self.left_out = 0

    def faults(self):
        """What is wrong with the page before anything is run."""
        found = []
        titles = re.findall(r"^## (.*)$", BLOCK.sub("", self.text), re.M)
        if [title for title in titles if title in SECTIONS] != SECTIONS:
            found.append(f"its sections are {titles}, and should be {SECTIONS}")
        for kind, body, _ in self.blocks:
            if kind == "toml" and not destination(body):
                found.append(f"a block of TOML does not say into which file it goes:\n{body}")
            if kind not in ["sh", "toml", "text", "Stop doorward"]:
                found.append(f"a block of `{kind}` is neither run nor compared")
        return found


def destination(body):
    """The path that a block names in its first line, and whether it is added there."""
    named = re.match(r"# (add to )?([\w./-]+/[\w.-]+\.toml)\n", body)
    return named and (named[2], bool(named[1]))


def statements(script):
    """The commands of a block, each as long as the shell takes it to be."""
    lines = []
    for line in script.splitlines():
        if lines or (line.strip() and not line.startswith("#")):
            lines.append(line)
            text = "\n".join(lines)
            read = subprocess.run(["bash", "-n", "-c", text], capture_output=True)
            if not (read.returncode or read.stderr or line.endswith("\\")):
                yield text
                lines = []
    if lines:
        yield "\n".join(lines)


class Walk:
    """One reader who does all that a guide says."""

    def __init__(self, guide, start, program, scratch):
        self.guide, self.start = guide, start
        self.folder, self.log = scratch / "doorward", scratch / "serve.log"
        self.folder.mkdir()
        (scratch / backends.PROJECT).mkdir()
        self.found, self.rewritten, self.backend, self.server, self.telemetry = [], {}, None, None, None
        tools = scratch / "bin"
        tools.mkdir()
        (tools / "doorward").symlink_to(program)
        self.head = scratch / "head"
        (tools / "curl").write_text(f'#!/bin/sh\nexec {shlex.quote(shutil.which("curl"))} -D {self.head} --max-time {PATIENCE} "$@"\n')
        (tools / "curl").chmod(0o755)
        self.environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}

    def faults(self):
        try:
            with contextlib.ExitStack() as self.running:
                self.shell = self.running.enter_context(Shell(self.folder, self.environment))
                self.running.callback(self.stop)
                self.follow()
        except Exception as error:
            self.found.append(f"ended with {type(error).__name__}: {error}")
        if self.found and self.log.exists():
            print(self.log.read_text()[-4000:])
        return self.found

    def follow(self):
        printed = ""
        for kind, body, docker in self.guide.blocks:
            if docker:
                self.leave_out(body)
            elif kind == "Stop doorward":
                self.stop()
            elif kind == "toml":
                self.write(body)
            elif kind == "text":
                self.expect(body.strip(), printed.strip(), "a block")
            elif SERVE.search(body.rstrip()):
                self.guide.commands += len(list(statements(body)))
                self.serve(body)
            else:
                printed = "".join([self.run(command) for command in statements(body)])

    def leave_out(self, script):
        for command in statements(script):
            self.guide.left_out += 1
            print(f"left out, since it needs docker: {command}")

    def here(self, text):
        for written, real in self.rewritten.items():
            text = text.replace(written, real)
        return text

    def write(self, body):
        path, added = destination(body) or ("config/of-no-path.toml", False)
        before, file = self.generation(), self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text((file.read_text() if added else "") + self.here(body))
        if path == CONFIGURATION:
            self.settle(before)

    def serve(self, script):
        """Starts the backend if nothing has, then doorward as the guide does; its files name the backend's real address."""
        self.stop()
        try:
            if not self.backend:
                self.backend = self.running.enter_context(self.start(self.folder))
                self.rewritten |= self.backend
            for path in self.folder.rglob("*.toml"):
                path.write_text(self.here(path.read_text()))
            self.server = Served(["bash", "-c", self.here(script)], self.log, cwd=self.folder, env=self.environment | HERE)
            self.rewritten["localhost:8443"] = self.server.wait_for("ready https://").replace("127.0.0.1", "localhost")
            self.telemetry = self.server.wait_for("telemetry ")
        except RuntimeError as error:
            self.found.append(f"{script.strip()}\n{error}")

    def stop(self):
        if self.server and (status := self.server.stop()):
            self.found.append(f"doorward ended with {status}")
        self.server = self.telemetry = None

    def run(self, command):
        """Runs one command. What it printed, if that is still to be compared."""
        self.guide.commands += 1
        shown = SHOWN.search(command)
        self.head.unlink(missing_ok=True)
        before, files = self.generation(), self.configured()
        status, printed, complaint = self.shell.run(self.here(command))
        if files != self.configured():
            self.settle(before)
        asked = bool(re.search(r"\bcurl ", command))
        answered = re.findall(r"^HTTP/\S+ (\d+)", self.head.read_text(), re.M)[-1:] if self.head.exists() else []
        if asked and not (shown and shown[1]):
            self.found.append(f"{command}\ndoes not say which status comes")
        elif asked and answered != [shown[1]]:
            self.found.append(f"{command}\nbrought {answered or complaint}: {printed}")
        elif shown and shown[2]:
            self.expect(shown[2], printed.strip(), command)
            printed = ""
        wanted = int(shown[3]) if shown and shown[3] else 0
        if status != wanted:
            self.found.append(f"{command}\nended with {status}: {printed}{complaint}")
        return printed

    def expect(self, shown, printed, command):
        if not re.fullmatch(".*?".join(map(re.escape, shown.split("…"))), self.there(printed), re.S):
            self.found.append(f"{command}\nprints\n{self.there(printed)}\nand not\n{shown}")

    def there(self, text):
        for written, real in self.rewritten.items():
            text = text.replace(real, written)
        return text

    def configured(self):
        path = self.folder / CONFIGURATION
        return path.read_bytes() if path.exists() else None

    def generation(self):
        """The number of the snapshot in force; nothing while nothing runs."""
        if self.telemetry:
            with urllib.request.urlopen(f"{self.telemetry}/metrics", timeout=PATIENCE) as metrics:
                return float(re.search(rb"^doorward_snapshot_generation (\S+)$", metrics.read(), re.M)[1])

    def settle(self, before):
        """Until what was written is in force."""
        deadline = time.monotonic() + 10
        while self.generation() == before is not None:
            if time.monotonic() > deadline:
                return self.found.append("what was written had no effect in 10 s")
            time.sleep(0.05)


class Shell:
    """One shell that keeps its state between commands."""

    def __init__(self, folder, environment):
        self.out, self.err = folder.parent / "out", folder.parent / "err"
        self.child = subprocess.Popen(
            ["bash"], cwd=folder, env=own_environment() | environment, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.child.stdin.write("set -o pipefail; exec 3>&1\n")

    def run(self, command):
        self.child.stdin.write(f"{{ {command}\n}} </dev/null >{self.out} 2>{self.err}; echo $? >&3\n")
        self.child.stdin.flush()
        if not select.select([self.child.stdout], [], [], 2 * PATIENCE)[0]:
            os.killpg(self.child.pid, signal.SIGKILL)
            raise RuntimeError(f"{command}\ndoes not end")
        status = self.child.stdout.readline()
        return int(status or -1), self.out.read_text(), self.err.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(PATIENCE)


class Served(Process):
    """A shell and all that it started, which end together."""

    def __init__(self, command, log, **options):
        super().__init__(command, log, start_new_session=True, **options)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGTERM)
        status = self.child.wait(PATIENCE)
        while self.lines.get(timeout=PATIENCE) is not None:
            pass
        return 0 if status == -signal.SIGTERM else status


if __name__ == "__main__":
    sys.exit(main())
