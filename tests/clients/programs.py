"""Where the programs come from that the suites run: ours are built already, others are installed into target/clients."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

from sidecar import ROOT

CACHE = ROOT / "target" / "clients"


def doorward():
    """The program under test: DOORWARD, or the newest one built."""
    if named := os.environ.get("DOORWARD"):
        return pathlib.Path(named).resolve()
    return newest("doorward")


def example(name):
    return newest(f"examples/{name}")


def newest(name):
    built = [path for pattern in [f"*/{name}", f"*/*/{name}"] for path in (ROOT / "target").glob(pattern) if path.is_file()]
    if not built:
        raise RuntimeError(f"no target/*/{name}; build it first")
    return max(built, key=lambda path: path.stat().st_mtime)


def python(name, packages, interpreter=sys.executable):
    """The Python of a virtual environment that holds these packages."""
    folder = CACHE / name
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    once(folder, packages, [interpreter, "-m", "venv", "--clear", folder], pip)
    return folder / "bin" / "python"


def node(name, packages, program):
    """How to run a program of Node's that finds these packages beside it."""
    folder = npm(name, packages)
    shutil.copy(program, folder)
    return ["node", "--test", "--test-reporter=spec", folder / program.name]


def npm(name, packages):
    """The folder in which these packages are installed."""
    folder = CACHE / name
    once(folder, packages, ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, *packages])
    return folder


def chromium():
    """The browser, where there is one."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def python_3_12():
    """A Python 3.12 that runs: on the path, or kept by pyenv."""
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    for candidate in ["python3.12", *sorted(pyenv.glob("versions/3.12*/bin/python3.12"))]:
        if shutil.which(candidate) and not subprocess.run([candidate, "--version"], capture_output=True).returncode:
            return candidate
    return None


def once(folder, packages, *commands):
    """Runs the commands unless they ran for these packages before."""
    done = folder / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == packages):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for command in commands:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
        done.write_text(json.dumps(packages))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
