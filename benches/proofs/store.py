"""What the store has acknowledged is there: after kill -9, a full disk, a failed fsync, beside other writers.

A writer makes random changes as fast as it can and says which were acknowledged. Then another process opens the file, makes the
logged changes again in memory, and compares: the rows are theirs, the feed leads to them, and no acknowledged change is missing.

  dev/prove store                      200 kills
  dev/prove store --kills 20           a short run
"""

import contextlib
import random
import shutil
import subprocess
import time

from harness.journal import Journal
from harness.processes import progress
from harness.writers import Writers, acknowledged, names

STAGE = Writers
KILLS_A_ROUND, LONGEST = 10, 0.5
ENOUGH, LONG_RUN = 20_000, 200
OPEN_BAR = 2.0
SMALL, LARGE = "1m", "64m"
SYNCS, CHANGES = range(1, 41), 400


def declare(parser):
    parser.add_argument("--kills", type=int, default=200, help="of a writer, at random moments")
    parser.add_argument("--writer", help="the program of benches/store (default: build it)")


def prove(stage, options):
    print("processes: writers of random changes, eight asked for at once; each file is verified by another process")
    return [*killed(stage, options), *starved(stage), *unsynced(stage), *beside(stage), *read_only(stage)]


def killed(stage, options):
    """Writers ended by SIGKILL, ten one after the other in each file."""
    rounds = Journal("store", options, stage.program).until(options.kills // KILLS_A_ROUND, lambda number: kill_some(stage, number))
    told = sum(each["acknowledged"] for each in rounds)
    wrong = [words for each in rounds for words in each["wrong"]]
    slowest = max(each["opened"] for each in rounds)
    kills = len(rounds) * KILLS_A_ROUND
    unsaid = sum(each["logged"] for each in rounds) - told
    print(f"\nkilled {kills} times: {told:,} changes acknowledged, {unsaid:,} more committed whose acknowledgement the kill came before")
    enough = ENOUGH if options.kills >= LONG_RUN else 1
    return [
        (f"store: after {kills} kills and {told:,} acknowledged changes {wrong or 'nothing'} is lost or half there (bar: nothing, ≥ {enough:,})",
         not wrong and told >= enough),
        (f"store: opened again within {slowest:.2f} s (bar: ≤ {OPEN_BAR:.0f})", slowest <= OPEN_BAR),
    ]


def kill_some(stage, number):
    progress(f"kills {number * KILLS_A_ROUND + 1} to {(number + 1) * KILLS_A_ROUND}")
    directory = stage.directory / f"killed-{number}"
    directory.mkdir()
    file, said, wrong, slowest, logged = directory / "store.db", "", [], 0, 0
    chance = random.Random(number)
    for _ in range(KILLS_A_ROUND):
        writer = stage.start(file)
        time.sleep(chance.uniform(0, LONGEST))
        said += writer.kill()
        logged, took, faults = stage.verify(file, said)
        slowest, wrong = max(slowest, took), wrong + faults
    shutil.rmtree(directory)
    return {"acknowledged": acknowledged(said), "logged": logged, "opened": slowest, "wrong": wrong}


def starved(stage):
    """A disk that fills up, and gets room while the writer runs on."""
    progress("a full disk")
    with mounted(stage, "full", SMALL) as place:
        if not place:
            return [("store: a full disk (a tmpfs can't be mounted here; run as root)", False)]
        file = place / "store.db"
        writer = stage.start(file)
        filled = writer.until_failed()
        before = len(writer.lines)
        _, _, wrong_full = stage.verify(file, "".join(writer.lines))
        words = set(writer.failed().values())
        run_mount("-o", f"remount,size={LARGE}", str(place))
        writer.go_on()
        more = wait_until(lambda: len(writer.lines) > before + 100)
        said = writer.kill()
        _, _, wrong = stage.verify(file, said)
    return [
        (f"store: a full disk is said to be {sorted(words)} after {acknowledged(''.join(writer.lines[:before])):,} changes (bar: full, and nothing else)",
         filled and words == {"the store's disk is full"}),
        (f"store: of what was acknowledged {wrong_full + wrong or 'nothing'} is lost on a full disk or after it (bar: nothing)", not wrong_full + wrong),
        (f"store: writes go on {'' if more else 'not '}when there is room (bar: they do)", more),
    ]


def unsynced(stage):
    """Each of the first fsyncs of a writer fails once; it goes on, or is killed at once."""
    if not shutil.which("strace"):
        install("strace")
    wrong, ghosts, remains, met, unopened = [], 0, 0, 0, 0
    for number in SYNCS:
        for ending in ("goes on", "killed"):
            progress(f"fsync {number} fails, {ending}")
            directory = stage.directory / f"unsynced-{number}-{ending.replace(' ', '-')}"
            directory.mkdir()
            file = directory / "store.db"
            inject = f"inject=fsync,fdatasync:error=EIO:when={number}"
            writer = stage.start(file, CHANGES, ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject])
            failed = writer.until_failed()
            met += failed
            if failed and ending == "killed":
                kill_traced(writer)
            elif failed:
                writer.go_on()
            said = writer.said()
            unopened += not acknowledged(said) and not failed
            logged, _, faults = stage.verify(file, said)
            wrong += faults
            extra = logged - acknowledged(said)
            ghosts, remains = (ghosts + extra, remains) if ending == "goes on" else (ghosts, remains + extra)
            shutil.rmtree(directory)
    print(f"\nfsync failed once, {len(SYNCS)} places twice: {met} commits failed, {unopened} files were not opened; "
          f"killed at that moment, {remains} changes that had failed were there afterwards")
    return [
        (f"store: of what was acknowledged {wrong or 'nothing'} is lost after a failed fsync (bar: nothing; {met} failed commits, bar: ≥ 20)",
         not wrong and met >= 20),
        (f"store: {ghosts} changes were made that had failed, where the writer went on (bar: 0)", ghosts == 0),
    ]


def beside(stage):
    """Three processes, one file."""
    progress("three writers")
    file = stage.directory / "beside.db"
    writers = [stage.start(file, 5_000) for _ in range(3)]
    saids = [writer.said() for writer in writers]
    _, _, wrong = stage.verify(file, "".join(saids))
    counts, failed = [acknowledged(said) for said in saids], sum(len(writer.failed()) for writer in writers)
    return [(f"store: three processes made {counts} changes to one file, {failed} failed, {wrong or 'nothing'} is lost (bar: 0, nothing)",
             not wrong and not failed and min(counts) > 100)]


def read_only(stage):
    """A file system that is read-only."""
    progress("a read-only file system")
    with mounted(stage, "read-only", LARGE) as place:
        if not place:
            return [("store: a read-only file system (a tmpfs can't be mounted here; run as root)", False)]
        file = place / "store.db"
        said = stage.start(file, CHANGES).said()
        run_mount("-o", "remount,ro", str(place))
        writer = stage.start(file)
        writer.until_failed()
        words = set(writer.failed().values())
        _, _, wrong = stage.verify(file, said)
        beside_it = names(place)
        writer.kill()
    return [(f"store: on a read-only file system {acknowledged(said)} changes are read, {wrong or 'none'} of them wrong, a write is {sorted(words)}, "
             f"and there is {beside_it} (bar: read-only, the file alone)",
             not wrong and words == {"the store is read-only"} and beside_it == ["store.db"])]


@contextlib.contextmanager
def mounted(stage, name, size):
    """A small disk; none where that is not allowed."""
    place = stage.directory / name
    place.mkdir()
    if not run_mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)):
        yield None
        return
    try:
        yield place
    finally:
        stage.end_all()
        subprocess.run(["umount", str(place)], check=True)


def run_mount(*words):
    return subprocess.run(["mount", *words], check=False, stderr=subprocess.DEVNULL).returncode == 0


def install(package):
    for command in (["apt-get", "update", "--quiet"], ["apt-get", "install", "--yes", "--no-install-recommends", package]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def kill_traced(writer):
    """Of what runs under strace the writer alone, at once."""
    children = subprocess.run(["pgrep", "-P", str(writer.process.pid)], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["kill", "-KILL", *children], check=True)


def wait_until(it_is_so, seconds=30):
    until = time.monotonic() + seconds
    while not it_is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return it_is_so()
