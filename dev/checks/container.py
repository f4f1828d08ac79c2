#!/usr/bin/env python3
"""Runs the container image without a container engine, and holds compose.yaml to what it promises.

The last stage of the Dockerfile says what is in the image: exactly that is laid into an empty folder, which becomes
the root of a process with the image's user, working directory and entry point, and with the command, environment and
folders that compose.yaml gives it. Changing root and user takes the rights of root; without them only compose.yaml
is looked at.

  dev/checks/container.py PATH-OF-THE-STATIC-BINARY
"""

import json
import os
import pathlib
import re
import shutil
import shlex
import subprocess
import sys
import tempfile

import yaml

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from sidecar import Process

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    image = Image(ROOT / "Dockerfile")
    guarded(compose)
    buildable()
    if os.geteuid() != 0:
        print("skipped: only root may change its root folder, so the image was not run")
        return
    with tempfile.TemporaryDirectory(prefix="doorward-image-") as folder:
        serve(Container(image, pathlib.Path(folder), binary), compose["services"]["doorward"])


def guarded(compose):
    """What makes doorward the only way in, and little to find for whoever breaks into it."""
    sidecar, backend = compose["services"]["doorward"], compose["services"]["cheshire-cat"]
    shared = [name for name in compose["networks"] if name in sidecar["networks"] and name in backend["networks"]]
    expect("the backend publishes no port", "ports" not in backend and backend.get("network_mode") is None)
    expect("the backend shares one network with doorward", len(shared) == 1)
    expect("that network has no way out", compose["networks"][shared[0]]["internal"] is True)
    expect("doorward's files cannot be written", sidecar["read_only"] is True)
    expect("doorward has no capabilities", sidecar["cap_drop"] == ["ALL"])
    expect("doorward gains no privileges", "no-new-privileges:true" in sidecar["security_opt"])
    mounts = [ROOT / volume.split(":")[0] for volume in sidecar["volumes"]]
    expect("folders are mounted, not files", not any(mount.is_file() or mount.suffix for mount in mounts))


def buildable():
    """What .dockerignore lets into the build is all that it takes."""
    let_in = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.M)
    with tempfile.TemporaryDirectory(prefix="doorward-context-") as folder:
        for name in let_in:
            source, target = ROOT / name, pathlib.Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        command = ["cargo", "check", "--quiet", "--locked", "--bin", "doorward"]
        built = subprocess.run(command, cwd=folder, env=os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target")})
        expect("the build finds all it needs in its context", built.returncode == 0)


def serve(container, service):
    keys = {name: f"{name}-0123456789abcdef0123456789abcdef" for name in ["backend-http", "backend-ws", "widget-key", "operator-key"]}
    for volume in service["volumes"]:
        source, target, mode = volume.split(":")
        expect(f"{source} is mounted read-only", mode == "ro")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, container.inside(target))
    for name, key in keys.items():
        path = container.inside(f"/etc/doorward/secrets/{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(key)
    subprocess.run([container.binary, "cert", "create", "--force", "--dir", container.inside("/etc/doorward/certs")], check=True, stdout=subprocess.DEVNULL)
    container.belong()

    backend_keys = {"CCAT_API_KEY": keys["backend-http"], "CCAT_API_KEY_WS": keys["backend-ws"]}
    with Process([newest_example()], container.folder / "backend.log", env=backend_keys) as backend:
        telemetry = f"127.0.0.1:{free_port()}"
        given = service["environment"] | {
            "DOORWARD_BACKEND_URL": backend.wait_for("ready "),
            "DOORWARD_LISTEN": "127.0.0.1:0",
            "DOORWARD_TELEMETRY_ADDRESS": telemetry,
        }
        with container.run([*container.image.entrypoint, *service.get("command", container.image.command)], given) as sidecar:
            url = sidecar.wait_for("ready ").replace("127.0.0.1", "localhost")
            look(container, url, keys, given, sidecar)
            expect("it ends on the image's stop signal, with 0", sidecar.stop() == 0)


def look(container, url, keys, given, sidecar):
    status = pathlib.Path(f"/proc/{sidecar.child.pid}/status").read_text()
    expect(f"it runs as user {container.image.uid}", re.search(r"^Uid:\s+(.*)$", status, re.M)[1].split() == [str(container.image.uid)] * 4)
    expect("without capabilities", int(re.search(r"^CapEff:\s+(.*)$", status, re.M)[1], 16) == 0)
    with container.run(container.image.healthcheck, given) as health:
        expect("the health check says yes", health.child.wait(30) == 0)
    with container.run(container.image.healthcheck, given | {"DOORWARD_TELEMETRY_ADDRESS": f"127.0.0.1:{free_port()}"}) as health:
        expect("and no, where nothing runs", health.child.wait(30) != 0)
    ca = container.inside("/etc/doorward/certs/ca.pem")
    for key, expected in [(keys["operator-key"], "200"), ("wrong", "403")]:
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "--cacert", ca]
        answer = subprocess.run([*command, "-H", f"Authorization: Bearer {key}", f"{url}/"], check=True, capture_output=True, text=True)
        expect(f"a request is answered with {expected}", answer.stdout == expected)
    written = [str(path) for path in container.root.rglob("*") if path.stat().st_mtime > container.laid]
    expect("it wrote no file", not written)


class Image:
    """What the last stage of a Dockerfile says."""

    def __init__(self, dockerfile):
        text = dockerfile.read_text().replace("\\\n", " ")
        stage = re.split(r"^FROM .*$", text, flags=re.M)[-1]
        base = re.findall(r"^FROM (\S+)", text, re.M)[-1]
        said = dict(re.findall(r"^(WORKDIR|USER|ENTRYPOINT|CMD|HEALTHCHECK|STOPSIGNAL) (.*)$", stage, re.M))
        self.copies = re.findall(r"^COPY --from=build (\S+) (\S+)$", stage, re.M)
        self.workdir, self.uid = said["WORKDIR"], int(said["USER"].split(":")[0])
        self.entrypoint, self.command = json.loads(said["ENTRYPOINT"]), json.loads(said["CMD"])
        self.healthcheck = json.loads(said["HEALTHCHECK"].split(" CMD ")[1])
        expect("the image starts from nothing", base == "scratch")
        expect("its user is nobody in particular", self.uid > 1000)
        expect("it stops by SIGTERM", said["STOPSIGNAL"] == "SIGTERM")


class Container:
    """A folder that holds what the image holds, to be the root of processes."""

    def __init__(self, image, folder, binary):
        self.image, self.folder, self.binary, self.laid = image, folder, binary, 0.0
        self.root = folder / "root"
        self.root.mkdir()
        sources = {"/out/doorward": binary, BUNDLE: pathlib.Path(BUNDLE)}
        for source, target in image.copies:
            self.inside(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sources[source], self.inside(target))
        self.inside(image.workdir).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)

    def inside(self, path):
        return self.root / path.removeprefix("/")

    def belong(self):
        """The mounted folders belong to the image's user; from here on nothing is written."""
        for path in self.inside(self.image.workdir).rglob("*"):
            os.chown(path, self.image.uid, self.image.uid)
        self.laid = max(path.stat().st_mtime for path in self.root.rglob("*"))

    def run(self, command, environment):
        def enter():
            os.chroot(self.root)
            os.chdir(self.image.workdir)
            os.setgroups([])
            os.setgid(self.image.uid)
            os.setuid(self.image.uid)

        print("+", shlex.join(command))
        return Process(command, self.folder / "container.log", env=environment, preexec_fn=enter)


def newest_example():
    built = [path for path in (ROOT / "target").glob("*/examples/chat_backend") if path.is_file()]
    return max(built, key=lambda path: path.stat().st_mtime)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def expect(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


if __name__ == "__main__":
    main()
