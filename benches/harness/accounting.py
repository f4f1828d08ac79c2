"""What a process has used, as the system counts it."""

import os
import pathlib
import re
import statistics
import time


def family(pid):
    """The process and its descendants."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(") ", 1)[1].split()[1])
        except (OSError, IndexError):
            pass  # it ended meanwhile
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def cpu_us(pid):
    """Microseconds of processor time, user and system, of all threads that live."""
    tasks = [task for member in family(pid) for task in pathlib.Path(f"/proc/{member}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000


def thread_cpu_ms(pid, name):
    """Milliseconds of processor time of the thread of this name."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    named = [task for task in tasks if (task / "comm").read_text().strip() == name]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in named) / 1e6


class Others:
    """How much of the machine those used that are not ours."""

    def __init__(self):
        self.before, self.began = self.used(), time.monotonic()

    def cores(self):
        return max(0.0, (self.used() - self.before) / (time.monotonic() - self.began))

    @staticmethod
    def used():
        """Seconds of processor time of all but us and our descendants."""
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, pathlib.Path("/proc/stat").read_text().split()[1:11])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - cpu_us(os.getpid()) / 1e6


def resident_kib(pid):
    rollups = [pathlib.Path(f"/proc/{member}/smaps_rollup").read_text() for member in family(pid)]
    return sum(int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]) for text in rollups)


def wrk_ms(output, percentile):
    number, unit = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)", output, re.M).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def median(results, name):
    return statistics.median(result[name] for result in results)


def median_ratio(ours, theirs, name):
    if not ours or not theirs:
        return None
    return statistics.median(our[name] / their[name] for our, their in zip(ours, theirs))
