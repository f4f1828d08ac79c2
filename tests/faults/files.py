"""The configuration in every state that a file can be in, and written in every way that files are written."""

import os
import shutil
import signal
import time

from catalogue import fault, need_root
from harness.stage import digest, fresh_key
from scene import IDLE_SHARE, expect, expect_at_most, until

IN_FORCE = 2.0  # seconds
REREAD = 10.0  # where nothing tells of a change
COMPLAINT = "not reloaded, the last good"
FAILED = 'doorward_reloads_total{unit="config/doorward.toml",result="failed"}'
NOBODY = 65534


class Configuration:
    """The good file, and its next versions: each has a key that only it has."""

    def __init__(self, scene):
        self.scene, self.file, self.base, self.key = scene, scene.config, scene.config.read_text(), None
        self.inside = scene.connection()

    def next(self):
        self.previous, self.key = self.key, fresh_key()
        return self.base + f'\n[[key]]\nid = "next"\nsha256 = "{digest(self.key)}"\nuser = "bob"\n'

    def applies(self, how, within=IN_FORCE):
        """The last version is in force, and the one before no more."""
        took = until(f"{how}: the new key is good", lambda: self.inside.status("/", self.key) == 200, within)
        if self.previous:
            expect(f"{how}: the key of the version before", self.inside.status("/", self.previous), 401)
        expect(f"{how}: another key", self.inside.status("/", self.scene.key), 200)
        return took

    def rename_over(self, text):
        beside = self.file.with_name(".beside")
        beside.write_text(text)
        os.replace(beside, self.file)

    def remove(self):
        """Whatever is there."""
        if self.file.is_dir() and not self.file.is_symlink():
            self.file.rmdir()
        else:
            self.file.unlink(missing_ok=True)


def broken_states(good):
    duplicate = '\n[[key]]\nid = "twice"\nsha256 = "{}"\nuser = "bob"\n'
    return {
        "half-written": good[: good.index('url = "') + 12],
        "empty": "",
        "invalid": good.replace("[backend]", "[backend"),
        "unknown field": good.replace("[backend]", "[backend]\nurll = 1"),
        "duplicate id": good + duplicate.format("0" * 64) + duplicate.format("1" * 64),
        "duplicate digest": good + "".join(duplicate.replace("twice", name).format("0" * 64) for name in ("one", "two")),
        "not UTF-8": "\udcff\udcfe",
    }


@fault()
def config_broken(scene):
    scene.serve()
    configuration = Configuration(scene)
    states = {name: lambda text=text: configuration.file.write_bytes(text.encode(errors="surrogateescape"))
              for name, text in broken_states(configuration.base).items()}
    states["a directory"] = lambda: (configuration.remove(), configuration.file.mkdir())
    states["a symlink to itself"] = lambda: (configuration.remove(), configuration.file.symlink_to(configuration.file))
    states["deleted"] = configuration.remove
    took = []
    for name, make in states.items():
        goes_on(scene, configuration, name, make)
        configuration.remove()
        configuration.file.write_text(configuration.next())
        took.append(configuration.applies(f"a good file after {name}"))
        until(f"{name}: nothing fails any more", lambda: not scene.failing(), IN_FORCE)
    scene.alive()
    return f"{len(states)} states; the next good one in force after {max(took):.2f} s at most"


def goes_on(scene, configuration, name, make):
    """It is said once and counted, and the last good state stays."""
    before, counted, key = len(scene.events(COMPLAINT)), scene.metric(FAILED), configuration.key or scene.key
    make()
    until(f"{name}: the metric says so", scene.failing, IN_FORCE)
    asked = len(scene.events("nothing changed"))
    expect(f"{name}: the last good key", configuration.inside.status("/", key), 200)
    scene.server.child.send_signal(signal.SIGHUP)
    until(f"{name}: SIGHUP reads it again", lambda: len(scene.events("nothing changed")) > asked, IN_FORCE)
    expect(f"{name}: the last good key after SIGHUP", configuration.inside.status("/", key), 200)
    until(f"{name}: the log says so", lambda: len(scene.events(COMPLAINT)) > before, IN_FORCE)
    expect(f"{name}: lines about it", len(scene.events(COMPLAINT)) - before, 1)
    expect(f"{name}: it is counted", scene.metric(FAILED) > counted, True)
    scene.alive()


@fault()
def config_stays_broken(scene):
    """It is read again and again, and complained of once."""
    scene.serve()
    configuration = Configuration(scene)
    configuration.file.write_text("")
    until("the log says so", lambda: len(scene.events(COMPLAINT)) == 1, IN_FORCE)
    expect_at_most("share of a core", scene.share(REREAD + 2), IDLE_SHARE)
    expect("lines about it", len(scene.events(COMPLAINT)), 1)
    expect("the metric", scene.failing(), True)
    configuration.file.write_text(configuration.next())
    took = configuration.applies("a good file")
    return f"one line in {REREAD + 2:.0f} s; the good one in force after {took:.2f} s"


@fault("setpriv")
def config_unreadable(scene):
    """Mode 000, for a doorward that is not root."""
    need_root("running as somebody else")
    copied = scene.folder / "doorward"
    shutil.copy(scene.sidecar.doorward, copied)
    scene.sidecar.doorward = copied
    scene.write_config()
    for path in [scene.folder, *scene.folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    scene.serve(prefix=["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"])
    configuration = Configuration(scene)
    configuration.file.write_text(configuration.next())
    configuration.applies("a first change")
    goes_on(scene, configuration, "mode 000", lambda: configuration.file.chmod(0))
    configuration.file.write_text(configuration.next())  # root may
    configuration.file.chmod(0o644)
    took = configuration.applies("mode 644")
    return f"in force after {took:.2f} s"


@fault()
def config_written(scene):
    """Every way to write a file that editors and orchestrators have."""
    scene.serve()
    configuration = Configuration(scene)
    file, took = configuration.file, {}

    def backup_and_rename(text):
        os.replace(file, file.with_name("doorward.toml~"))
        file.write_text(text)

    def delete_and_create(text):
        file.unlink()
        file.write_text(text)

    def write_and_chmod(text):
        file.write_text(text)
        file.chmod(0o600)
        file.chmod(0o644)

    def in_two_halves(text):
        with file.open("w") as open_file:
            open_file.write(text[: len(text) // 2])
            open_file.flush()
            expect("half a file: the key of the version before", configuration.inside.status("/", configuration.previous), 200)
            open_file.write(text[len(text) // 2:])

    def hang_up(text):
        configuration.rename_over(text)
        scene.server.child.send_signal(signal.SIGHUP)

    for write in [file.write_text, configuration.rename_over, in_two_halves, backup_and_rename, delete_and_create, write_and_chmod, hang_up]:
        write(configuration.next())
        took[write.__name__] = configuration.applies(write.__name__)
    scene.alive()
    expect("complaints", scene.events(COMPLAINT), [])
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items())


@fault()
def config_swapped(scene):
    """The file is a symlink into a directory that is a symlink, as where a ConfigMap is mounted."""
    folder = scene.config.parent
    scene.write_config()
    (folder / "v0").mkdir()
    os.replace(scene.config, folder / "v0" / "doorward.toml")
    (folder / "..data").symlink_to("v0")
    scene.config.symlink_to("..data/doorward.toml")
    scene.serve()
    configuration, took = Configuration(scene), []
    for number in range(1, 4):
        version = folder / f"v{number}"
        version.mkdir()
        (version / "doorward.toml").write_text(configuration.next())
        (folder / "..data.new").symlink_to(version.name)
        os.replace(folder / "..data.new", folder / "..data")
        shutil.rmtree(folder / f"v{number - 1}")
        took.append(configuration.applies(f"swap {number}"))
    expect("complaints", scene.events(COMPLAINT), [])
    return f"in force after {max(took):.2f} s at most"


@fault()
def config_burst(scene):
    """100 versions in a second: the last one counts, and nobody is refused meanwhile."""
    scene.serve()
    configuration = Configuration(scene)
    renamed = burst(configuration, configuration.rename_over)
    expect("complaints about files that were never half there", scene.events(COMPLAINT), [])
    written = burst(configuration, configuration.file.write_text)
    # A writer that is held up leaves an empty file for as long: that may be said, but not each time.
    expect_at_most("complaints about files that were empty at times", len(scene.events(COMPLAINT)), 2)
    scene.alive()
    return f"in force after {renamed:.2f} s (renamed), {written:.2f} s (written), {len(scene.events('reloaded'))} reloads"


def burst(configuration, write):
    """Seconds from the last version to its effect."""
    for _ in range(100):
        began = time.monotonic()
        write(configuration.next())
        expect("another key meanwhile", configuration.inside.status("/", configuration.scene.key), 200)
        time.sleep(max(0, began + 0.01 - time.monotonic()))
    return configuration.applies("the last of 100")


@fault("strace")
def watching_refused(scene):
    """No inotify for us: changes are found by reading again, and at once on SIGHUP."""
    strace = ["strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE", "--"]
    scene.serve(prefix=strace)
    configuration = Configuration(scene)
    configuration.rename_over(configuration.next())
    by_itself = configuration.applies("without a signal", REREAD + IN_FORCE)
    configuration.rename_over(configuration.next())
    scene.server.child.send_signal(signal.SIGHUP)
    by_signal = configuration.applies("with SIGHUP")
    scene.alive()
    expect("lines that say so", len(scene.events("cannot watch files")), 1)
    return f"in force after {by_itself:.2f} s, with SIGHUP after {by_signal:.2f} s"
