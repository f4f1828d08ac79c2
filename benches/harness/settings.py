"""The configuration of a doorward that is under observation."""

import hashlib
import secrets

CONFIG = """
[listen]
address = "127.0.0.1:{port}"

[tls]
certificate = "{dir}/server.crt"
key = "{dir}/server.key"

[backend]
url = "http://127.0.0.1:{backend}"
profile = "generic"

[[route]]
path = "/**"
access = "authenticated"

[telemetry]
address = "127.0.0.1:{telemetry}"

[limits]
{limits}

[[keys_file]]
path = "{dir}/keys.txt"
user = "bob"

[[key]]
id = "load"
sha256 = "{load}"
user = "alice"

[[key]]
id = "probe"
sha256 = "{probe}"
user = "carol"
"""

ISSUER = """
[[issuer]]
name = "local"
algorithms = ["HS256"]
secret = "{secret}"
"""


def fresh_key():
    return secrets.token_urlsafe(32)


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()
