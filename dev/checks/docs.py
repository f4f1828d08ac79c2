#!/usr/bin/env python3
"""Holds the documents to the repository: every link leads somewhere, every file named exists, and every command and
option of doorward that is shown is one that it has, and every piece of configuration is one that it takes.

  dev/checks/docs.py PATH-OF-DOORWARD
"""

import functools
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def main():
    pages = tracked("*.md")
    checked, faults = 0, []
    for page in pages:
        text = page.read_text()
        claims = [*links(page, text), *files(text), *commands(text), *configurations(text)]
        checked += len(claims)
        faults += [f"{page.relative_to(ROOT)}: {fault}" for claim in claims if (fault := claim())]
    for fault in faults:
        print(fault)
    print(f"{len(pages)} pages, {checked} links, files and commands, {len(faults)} faults")
    return 1 if faults or not checked else 0


def tracked(pattern):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def links(page, text):
    """Links within the repository, and to headings."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", target):
            yield functools.partial(broken_link, page, target)


def broken_link(page, target):
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"link to {target}, which does not exist"
    if anchor and anchor not in anchors(file):
        return f"link to {target}, which has no such heading"


@functools.cache
def anchors(file):
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", file.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def files(text):
    """Paths in backticks that begin with a folder of this repository."""
    for path in re.findall(r"`((?:src|tests|docs|dev|benches|examples|config/profiles|\.ci)/[\w./-]+)`", FENCE.sub("", text)):
        yield lambda path=path: None if (ROOT / path).exists() else f"names {path}, which does not exist"


def commands(text):
    """Every use of doorward in a shell block, and in backticks."""
    shown = [line for kind, block in FENCE.findall(text) if kind == "sh" for line in block.replace("\\\n", " ").splitlines()]
    shown += re.findall(r"`((?:\./)?doorward [a-z][^`]*)`", FENCE.sub("", text))
    for line in shown:
        for use in re.findall(r"(?:^|[|&;(] *|-- |\bdoorward )((?:\./)?doorward|cargo run (?:-q )?(?:--release )?--) ([^|;&>)#]*)", line):
            yield functools.partial(wrong_use, line, use[1])


def wrong_use(line, arguments):
    words = shlex.split(arguments.replace("$(", " ").replace("…", ""), posix=False)
    path = []
    while words and re.fullmatch(r"[a-z]+", words[0]) and words[0] in subcommands(tuple(path)):
        path.append(words.pop(0))
    if not path or subcommands(tuple(path)):
        return f"`{line.strip()}`: no such command"
    known = set(re.findall(r"--[a-z][a-z-]*", help_of(tuple(path)))) | {"--help"}
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", arguments):
        if option not in known:
            return f"`{line.strip()}`: `doorward {' '.join(path)}` has no {option}"


def configurations(text):
    """Every TOML block, as the whole configuration, as a piece of one, or as a profile."""
    blocks = [block for kind, block in FENCE.findall(text) if kind == "toml"]
    profiles = {re.match(r"# (\S+)\n", block)[1]: block for block in blocks if "[identity." in block}
    for block in blocks:
        path = next((path for path, profile in profiles.items() if profile == block), None)
        yield functools.partial(refused, f'[backend]\nurl = "http://127.0.0.1:1865"\nprofile = "{path}"\n' if path else block, profiles)


def refused(block, profiles):
    block = block.replace('sha256 = "…"', f'sha256 = "{"5a" * 32}"')
    if "[backend]" not in block:
        block += '\n[backend]\nurl = "http://127.0.0.1:1865"\n'
    if "[tls]" not in block:
        block += '\n[tls]\ncertificate = "certs/server.pem"\nkey = "certs/server.key"\n'
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([PROGRAM, "cert", "create"], cwd=folder, check=True, capture_output=True)
        for name in re.findall(r'_file = "(.*?)"', block):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"{name}-0123456789abcdef0123456789abcdef")
        for name, profile in profiles.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(profile)
        (folder / "doorward.toml").write_text(block)
        done = subprocess.run([PROGRAM, "check", "--config", "doorward.toml"], cwd=folder, capture_output=True, text=True)
        return f"configuration that is refused:\n{done.stdout}{done.stderr}" if done.returncode else None


@functools.cache
def subcommands(path):
    listed = re.search(r"^Commands:\n((?:  .*\n?|\n)+)", help_of(path), re.M)
    return set(re.findall(r"^  ([a-z]+)", listed[1], re.M)) - {"help"} if listed else set()


@functools.cache
def help_of(path):
    return subprocess.run([PROGRAM, *path, "--help"], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
