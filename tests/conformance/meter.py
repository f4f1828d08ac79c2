"""What a process used while something was done to it."""

import pathlib
import re
import threading
import time

from harness.accounting import cpu_us

SAMPLE = 0.005  # seconds
# Less work than this in a while is none.
IDLE_MS, WHILE = 0.5, 0.05
PATIENCE = 30


class Usage:
    """Milliseconds of processor time, and the growth of resident memory at its peak in KiB, within its `with` block.

    What is done counts until the process has nothing more to do.
    """

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        await_idle(self.pid)
        self.cpu_ms, self.before_kib = cpu_us(self.pid) / 1000, resident_kib(self.pid)
        self.peak_kib, self.over = self.before_kib, threading.Event()
        self.sampler = threading.Thread(target=self._sample, daemon=True)
        self.sampler.start()
        return self

    def _sample(self):
        while not self.over.wait(SAMPLE):
            self.peak_kib = max(self.peak_kib, resident_kib(self.pid))

    def __exit__(self, *_):
        await_idle(self.pid)
        self.over.set()
        self.sampler.join()
        self.cpu_ms = cpu_us(self.pid) / 1000 - self.cpu_ms
        self.growth_kib = max(self.peak_kib, resident_kib(self.pid)) - self.before_kib


def await_idle(pid):
    deadline, before = time.monotonic() + PATIENCE, cpu_us(pid)
    while time.monotonic() < deadline:
        time.sleep(WHILE)
        now = cpu_us(pid)
        if now - before < IDLE_MS * 1000:
            return
        before = now


def resident_kib(pid):
    """Cheap enough to be asked often, unlike the system's exact account."""
    try:
        return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except (OSError, TypeError):
        return 0  # it has ended, which the suite finds out
