"""What the programs here need beside Python: packages from PyPI in a folder of their own, and Debian's where we may install."""

import json
import os
import shutil
import subprocess
import sys

from sidecar import ROOT

CACHE = ROOT / "target" / "parsers"
PYTHON = CACHE / "python" / "bin" / "python"
FROM_PYPI = ["uvicorn==0.54.0", "h11==0.16.0", "httptools==0.9.0", "gunicorn==27.0.1", "hpack==4.2.0"]


def within_environment():
    """Goes on in a Python that has the packages; installs them first, once. Why that cannot be, if it comes back to say so."""
    if os.path.realpath(sys.prefix) == os.path.realpath(PYTHON.parent.parent):
        return None
    done = CACHE / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == FROM_PYPI):
        CACHE.mkdir(parents=True, exist_ok=True)
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *FROM_PYPI]
        for command in [[sys.executable, "-m", "venv", "--clear", PYTHON.parent.parent], pip]:
            if subprocess.run(command, stdin=subprocess.DEVNULL, timeout=600).returncode:
                return f"{', '.join(FROM_PYPI)} cannot be installed; Python with venv and pip is needed"
        done.write_text(json.dumps(FROM_PYPI))
    os.execv(PYTHON, [PYTHON, *sys.argv])


def missing(command, package):
    """Why a command cannot be had, or nothing: Debian's package is installed when we may."""
    if shutil.which(command):
        return None
    if os.geteuid() or not shutil.which("apt-get"):
        return f"{command} is missing: install the package {package}"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-qq", "-y", "--no-install-recommends", package]
    for step in [["apt-get", "update", "-qq"], install]:
        done = subprocess.run(step, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        if done.returncode:
            return f"{command} is missing, and {package} cannot be installed: {done.stdout.decode()[-300:].strip()}"
    return None if shutil.which(command) else f"{package} brings no {command}"
