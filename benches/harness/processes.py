"""Commands run to their end, and processes run until they are no longer wanted."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import time

DESCRIPTORS = 20_000


def expect(process, word):
    if process.stdout.readline().strip() != word:
        process.wait(30)
        fail(f"benches/load: {tail(process)}")


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        fail(f"{' '.join(command[:4])}: exit {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


def await_port(port, process):
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    fail(f"{' '.join(process.args[:4])} does not listen: {tail(process)}")


def tail(process):
    return process.errors.read_text()[-2000:] if isinstance(process.errors, pathlib.Path) else "no output"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def end_orderly():
    """Lets a request to terminate end what was started, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))


def precede_others():
    """Runs on before everything else on this machine; our own processes share it as ever."""
    child = os.fork()
    if child:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setsid()  # where sessions are scheduled as groups, the group's priority counts
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        group = pathlib.Path("/proc/self/autogroup")
        if group.exists():
            group.write_text("-20")
    except OSError as error:
        fail(f"--first: {error}")


def progress(text):
    print(f"… {text}", file=sys.stderr, flush=True)


def fail(text):
    print(f"dev/{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr)
    sys.exit(2)
