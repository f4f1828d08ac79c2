"""Whether a process gives back what it took: descriptors, threads, and memory by regression."""

import math
import pathlib
import re
import time
from typing import NamedTuple

# Descriptors that may come and go by themselves.
TOLERATED = 5
SLOPE_BAR_MIB = 1.0
GAUGES = ["doorward_connections_open", "doorward_websockets_open"]


class Sample(NamedTuple):
    moment: float
    requests: float
    rss_mib: float
    descriptors: int
    threads: int
    connections: float
    sockets: float


def sample(stage):
    metrics, process = stage.metrics(), pathlib.Path(f"/proc/{stage.sidecar.pid}")
    rss = int(re.search(r"^VmRSS:\s+(\d+)", (process / "status").read_text(), re.M)[1]) / 1024
    return Sample(time.time(), metrics["doorward_requests_total"], rss, len(list((process / "fd").iterdir())),
                  len(list((process / "task").iterdir())), *(metrics[name] for name in GAUGES))


def settle(stage, start, patience):
    """Waits until everything is given back, as long as patience lasts; the last sample."""
    until = time.time() + patience
    while (now := sample(stage)) and time.time() < until:
        if now.descriptors <= start.descriptors and not now.connections and not now.sockets:
            break
        time.sleep(0.2)
    return now


def slope(samples):
    """MiB of memory that 100,000 requests add, by least squares, and the standard error of that."""
    count = len(samples)
    if count < 3:
        return float("inf"), 0.0
    requests, memory = [taken.requests / 100_000 for taken in samples], [taken.rss_mib for taken in samples]
    middle, level = sum(requests) / count, sum(memory) / count
    spread = sum((at - middle) ** 2 for at in requests)
    rise = sum((at - middle) * (rss - level) for at, rss in zip(requests, memory)) / spread
    rest = sum((rss - level - rise * (at - middle)) ** 2 for at, rss in zip(requests, memory))
    return rise, math.sqrt(rest / (count - 2) / spread)


def verdicts(name, start, end):
    """That descriptors, connections and threads are as they were."""
    return [
        (f"{name}: {end.descriptors} descriptors, {start.descriptors} at the start (bar: ±{TOLERATED})",
         abs(end.descriptors - start.descriptors) <= TOLERATED),
        (f"{name}: {end.connections:.0f} connections and {end.sockets:.0f} WebSockets open (bar: 0)",
         end.connections == end.sockets == 0),
        (f"{name}: {end.threads} threads, {start.threads} at the start (bar: the same)", end.threads == start.threads),
    ]


def panics(stage):
    """How many the log and the metrics tell of."""
    with open(stage.log, "rb") as log:
        logged = sum(b'"panicked' in line for line in log)
    return max(logged, int(stage.metric("doorward_request_panics_total")))
