"""Where the programs come from that the suites run."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from sidecar import ROOT

CACHE = ROOT / "target" / "conformance"
PACKAGES = ["hyperframe==6.1.0", "hpack==4.2.0", "websockets==17.4"]
# The last virtualenv that still makes environments of Python 2.7.
VIRTUALENV = ["virtualenv==20.21.1"]
AUTOBAHN = ["autobahntestsuite==25.10.1", "autobahn==0.10.9", "Twisted==19.10.0", "pyOpenSSL==19.1.0", "cryptography==3.3.2"]


class Missing(Exception):
    """A suite cannot run here, and why."""


def doorward(named):
    """The program under test: the one named, DOORWARD, or the newest one built."""
    if named := named or os.environ.get("DOORWARD"):
        return pathlib.Path(named).resolve()
    built = [path for pattern in ["*/doorward", "*/*/doorward"] for path in (ROOT / "target").glob(pattern) if path.is_file()]
    if not built:
        print("no target/*/doorward; build it first", file=sys.stderr)
        sys.exit(2)
    return max(built, key=lambda path: path.stat().st_mtime)


def python(name, packages):
    """The Python of a virtual environment that holds these packages."""
    folder = CACHE / name
    once(folder, packages, [sys.executable, "-m", "venv", "--clear", folder], pip(folder, packages))
    return folder / "bin" / "python"


def wstest():
    """Autobahn's test suite, which has remained a program of Python 2."""
    folder = CACHE / "autobahn"
    if not (folder / "bin" / "wstest").exists():
        maker = python("virtualenv", VIRTUALENV).with_name("virtualenv")
        once(folder, AUTOBAHN, [maker, "--quiet", "--python", python_2(), folder], pip(folder, AUTOBAHN))
    return folder / "bin" / "wstest"


def python_2():
    """A Python 2.7 that runs: on the path, kept by pyenv, or Debian's where it still has one."""
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    candidates = [*sorted(pyenv.glob("versions/2.7*/bin/python2.7")), "python2.7"]
    if found := next(filter(runs, candidates), None):
        return shutil.which(found)
    try:
        return debian("python2.7", "python2.7")
    except Missing:
        raise Missing("autobahntestsuite needs Python 2.7: neither python2.7 on the path, nor one of pyenv's, nor a Debian package") from None


def runs(candidate):
    return shutil.which(candidate) and not subprocess.run([candidate, "--version"], capture_output=True).returncode


def debian(program, package):
    """The path of a program, whose Debian package is installed when it is missing and we may."""
    if found := shutil.which(program):
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"{program} is needed: apt-get install {package}")
    print(f"installing {package}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in [["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", package]]:
        subprocess.run(["apt-get", *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=600)
    if found := shutil.which(program):
        return found
    raise Missing(f"{program} is needed, and the package {package} could not be installed")


def pip(folder, packages):
    return [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]


def once(folder, packages, *commands):
    """Runs the commands unless they ran for these packages before."""
    done = folder / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == packages):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for command in commands:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
        done.write_text(json.dumps(packages))
