"""Tokens as an issuer would sign them."""

import base64
import hmac
import json
import time

TOKENS = 10_000


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret, user):
    """HS256, for one day."""
    head = base64url(b'{"alg":"HS256","typ":"JWT"}')
    now = int(time.time())
    body = base64url(json.dumps({"sub": user, "iat": now, "exp": now + 86400}).encode())
    signature = hmac.digest(secret.encode(), f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64url(signature)}"
