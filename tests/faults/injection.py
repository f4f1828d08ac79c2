"""System calls of a running process that fail, as long as strace is attached to it."""

import contextlib
import signal
import subprocess

from scene import Skipped

PATIENCE = 10


@contextlib.contextmanager
def injected(pid, call, error):
    """Every such call of every thread ends with this error, and does nothing else."""
    command = ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}"]
    strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = strace.stderr.readline()
        if "attached" not in said:
            raise Skipped(f"strace may not attach here: {said.strip()}")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=PATIENCE)
