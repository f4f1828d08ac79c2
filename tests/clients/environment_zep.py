"""Zep's own variables and no file: what the operator of a Zep 0.x has already, and its Python client."""

import base64
import time
import unittest

import jwt
from facts import FACTS, headers, main, seen
from zep_python import ZepClient
from zep_python.exceptions import AuthError


class EnvironmentZep(unittest.TestCase):
    def client(self, credential):
        client = ZepClient(FACTS["url"], api_key=credential)
        self.addCleanup(client.close)
        return client

    def test_the_pair_that_doorward_makes_is_one_to_others_too(self):
        secret, token = FACTS["secret"], FACTS["token"]
        self.assertEqual(len(base64.urlsafe_b64decode(secret)), 64)
        self.assertEqual(jwt.get_unverified_header(token), {"alg": "HS256", "typ": "JWT"})
        self.assertEqual(jwt.decode(token, secret, algorithms=["HS256"]), {})
        self.assertEqual(jwt.encode({}, secret, algorithm="HS256"), token)
        with self.assertRaises(jwt.InvalidSignatureError):
            jwt.decode(token, secret[:-1], algorithms=["HS256"])

    def test_the_token_opens_everything(self):
        zep = self.client(FACTS["token"])
        self.assertEqual(zep.user.get("u1").user_id, "u1")
        self.assertEqual(zep.memory.get_session("u2.first").session_id, "u2.first")
        self.assertIn("u2", [user.user_id for user in zep.user.list()])

    def test_the_secret_is_no_token_and_nothing_else_is(self):
        other = jwt.encode({}, FACTS["secret"] + "x", algorithm="HS256")
        for credential in [FACTS["secret"], FACTS["expired"], other, None]:
            with self.assertRaises(AuthError) as refused:
                self.client(credential).user.get("u1")
            self.assertEqual(refused.exception.response_data, {"status_code": 401, "message": "token is unauthorized\n"})

    def test_the_backend_is_shown_a_token_of_its_own(self):
        before = len(seen())
        self.client(FACTS["token"]).user.get("u1")
        head = seen()[before:][-1]
        (shown,) = headers(head, "authorization")
        claims = jwt.decode(shown.removeprefix("Bearer "), FACTS["secret"], algorithms=["HS256"], options={"require": ["exp"]})
        self.assertLess(claims["exp"], time.time() + 3600)
        self.assertNotIn(FACTS["token"], str(head))

    def test_what_zep_leaves_open_is_closed(self):
        for path in ["/admin", "/static/x.js", "/api/v2/users/u1", "/"]:
            before = len(seen())
            answer = self.client(FACTS["token"]).client.get(f"{FACTS['url']}{path}")
            self.assertEqual((answer.status_code, answer.text), (403, "forbidden\n"))
            self.assertEqual([head["target"] for head in seen()[before:]], ["/healthz"])


if __name__ == "__main__":
    main()
