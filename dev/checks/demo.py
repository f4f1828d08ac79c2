#!/usr/bin/env python3
"""Does what a newcomer does: starts `doorward demo` and pastes the lines it prints, as they are.

  dev/checks/demo.py PATH-OF-DOORWARD
"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "clients"))
from sidecar import Process


def main():
    with tempfile.TemporaryDirectory(prefix="doorward-demo-") as folder:
        with Process([sys.argv[1], "demo", "--port", "0"], pathlib.Path(folder) / "demo.log") as demo:
            steps, files = tour(demo)
            walk(steps)
            demo.child.send_signal(signal.SIGINT)
            expect("Ctrl-C ends it with 0", demo.child.wait(30) == 0)
        expect("it leaves nothing behind", not files.exists())


def tour(demo):
    """The lines to paste in their order, and where the demo keeps its files."""
    steps, files = [], None
    while True:
        line = demo.lines.get(timeout=60)
        if line is None:
            sys.exit(f"FAILED: the demo ended\n{demo.log.read_text()}")
        if found := re.match(r"Its configuration: (.*)", line):
            files = pathlib.Path(found[1]).parent
        elif line.startswith("   "):
            steps.append(line.strip())
            if len(steps) == 9:
                return steps, files


def walk(steps):
    refused, alice, spoofed, visitor, bob, message, chat, remove, restore = steps
    expect("without a key: refused", " 403" in paste(refused).splitlines()[0])
    for what, line, user in [("alice's key", alice, "alice"), ("a claim to be somebody else", spoofed, "alice"),
                             ("an acting key", visitor, "visitor-7"), ("a token", bob, "bob")]:
        answer = paste(line)
        expect(f"{what}: the backend is told {user} and nothing else", told(answer) == [user])
        expect(f"{what}: and no credential", not any(secret in answer for secret in secrets(line)))
    expect("a message is answered", "Hello alice, you said: hello" in paste(message))

    talk = subprocess.Popen(chat, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    talk.stdin.write("hello\n")
    talk.stdin.flush()
    while (line := talk.stdout.readline()) and "Hello alice, you said: hello" not in line:
        pass
    expect("a chat answers, to alice although the path says admin", line)
    removed = time.monotonic()
    paste(remove)
    rest = talk.stdout.read()
    expect(f"her key taken away closes it with 4403, after {time.monotonic() - removed:.2f} s", "4403" in rest)
    talk.stdin.close()
    talk.wait(30)
    expect("and closes the door", " 403" in paste(alice).splitlines()[0])
    paste(restore)
    deadline = time.monotonic() + 5
    while " 200" not in (first := paste(alice).splitlines()[0]) and time.monotonic() < deadline:
        pass
    expect("put back, it opens it", " 200" in first)


def paste(line):
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"FAILED: {line}\n{done.stdout}{done.stderr}")
    return done.stdout


def told(answer):
    """Every identity in the request head that the backend saw."""
    head = json.loads(answer[answer.index("\n{") :] if "\n{" in answer else answer[answer.index("{") :])
    return [value for name, value in head["headers"] if name.lower().replace("-", "_") == "user_id"]


def secrets(line):
    return re.findall(r"Bearer ([^']+)'", line)


def expect(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}", flush=True)


if __name__ == "__main__":
    main()
