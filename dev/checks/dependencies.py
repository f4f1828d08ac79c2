#!/usr/bin/env python3
"""Holds the dependencies to deny.toml: banned crates, version floors, single versions, licences, sources.

Reads the graph that is really built (normal and build dependencies of this platform) from cargo, so it needs no
network and no cargo-deny. Advisories are the one thing it cannot know; `cargo deny check` does.
"""

import pathlib
import re
import subprocess
import sys
import tomllib
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    crates = built_crates()
    faults = [*banned(crates, rules["bans"]["deny"]), *licences(crates, set(rules["licenses"]["allow"])), *sources(crates), *stale_locks()]
    for fault in faults:
        print(fault)
    print(f"{len(crates)} crates, {len(rules['bans']['deny'])} bans, {len(faults)} faults")
    return 1 if faults else 0


def built_crates():
    """The packages that end in the binary or help to build it; not those of tests and benchmarks."""
    host = re.search(r"^host: (.*)$", cargo("rustc", "-vV"), re.M)[1]
    tree = cargo("cargo", "tree", "--locked", "--edges=normal,build", f"--target={host}", "--prefix=none", "--no-dedupe", "--format={p}|{l}")
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    source = {(package["name"], package["version"]): package.get("source", "") for package in locked}
    crates = {}
    for line in tree.splitlines()[1:]:  # the first is this package
        package, licence = line.split("|")
        name, version = package.split()[:2]
        key = (name, version.removeprefix("v"))
        crates[key] = {"name": name, "version": key[1], "license": licence, "source": source[key]}
    return list(crates.values())


def stale_locks():
    """The fuzz targets are a workspace of their own, whose lock a new dependency of ours leaves behind."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--manifest-path=fuzz/Cargo.toml"]
    if subprocess.run(command, cwd=ROOT, capture_output=True).returncode:
        yield "fuzz/Cargo.lock: not in step with Cargo.toml; `cargo metadata --manifest-path fuzz/Cargo.toml` mends it"


def cargo(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def banned(crates, bans):
    versions = defaultdict(set)
    for crate in crates:
        versions[crate["name"]].add(crate["version"])
    for ban in bans:
        name, _, below = ban["crate"].partition("@<")
        found = sorted(versions[name], key=number)
        if ban.get("deny-multiple-versions"):
            if len(found) > 1:
                yield f"{name}: {len(found)} versions ({', '.join(found)}), one is allowed"
            continue
        for version in found:
            if not below or number(version) < number(below):
                yield f"{name} {version}: banned, {ban['reason']}"


def number(version):
    return tuple(int(part) for part in re.split(r"[-+]", version)[0].split("."))


def licences(crates, allowed):
    for crate in crates:
        expression = crate["license"]
        if not expression:
            yield f"{crate['name']} {crate['version']}: no licence"
        elif not permits(expression, allowed):
            yield f"{crate['name']} {crate['version']}: licence {expression}"


def permits(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences alone. `/` is an old form of OR."""
    tokens = re.findall(r"[()]|[^\s()]+(?: WITH [^\s()]+)?", expression.replace("/", " OR "))
    python = ("or" if t == "OR" else "and" if t == "AND" else t if t in "()" else str(t in allowed) for t in tokens)
    return eval(" ".join(python), {"__builtins__": {}})  # only True, False, and, or, brackets


def sources(crates):
    for crate in crates:
        if not crate["source"].startswith("registry+"):
            yield f"{crate['name']} {crate['version']}: from {crate['source'] or 'a path'}, not a registry"


if __name__ == "__main__":
    sys.exit(main())
