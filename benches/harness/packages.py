"""Packages of Python that a measurement needs: pinned, in a folder of their own under the build directory."""

import json
import subprocess
import sys

from harness.processes import fail, progress
from harness.stage import TARGET

FOLDER = TARGET / "packages"


def require(*packages):
    """Makes them importable; installs them once."""
    done = FOLDER / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == list(packages)):
        progress(f"installing {' '.join(packages)}")
        pip = [FOLDER / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        try:
            for command in ([sys.executable, "-m", "venv", "--clear", FOLDER], pip):
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            fail(f"cannot install {' '.join(packages)}: {error}; Python with venv and a package registry are needed")
        done.write_text(json.dumps(packages))
    sys.path.insert(0, str(next(FOLDER.glob("lib/*/site-packages"))))
