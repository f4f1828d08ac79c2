"""The faults by name, and what each needs of the machine."""

import os
import pathlib
import shutil
from dataclasses import dataclass
from typing import Callable

from scene import Skipped

# Program, or file, and the Debian package it comes from.
PACKAGES = {"strace": "strace", "ss": "iproute2", "prlimit": "util-linux", "curl": "curl", "openssl": "openssl", "faketime": "faketime",
            "setpriv": "util-linux"}


@dataclass
class Fault:
    name: str
    run: Callable
    tools: tuple

    def missing(self):
        return [PACKAGES[tool] for tool in self.tools if not shutil.which(tool)]


FAULTS = {}


def fault(*tools, name=None):
    """Registers a function of a scene under its own name, or this one."""
    def register(function):
        known = name or function.__name__.replace("_", "-")
        FAULTS[known] = Fault(known, function, tools)
        return function
    return register


def need_root(what):
    if os.geteuid():
        raise Skipped(f"{what} needs root")


def libfaketime():
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Skipped("libfaketime is not installed")
    return str(found[0])
