"""The real Cheshire Cat 2 behind its profile, spoken to by curl: HTTP and server-sent events."""

import json
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from facts import FACTS, main

URL = FACTS["url"]
MESSAGE = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "stream": True}


def command(credential, path, *arguments):
    bearer = ["-H", f"Authorization: Bearer {credential}"] if credential else []
    return ["curl", "-sSN", "--max-time", "60", "--cacert", FACTS["ca"], *bearer, *arguments, f"{URL}{path}"]


def curl(credential, path, *arguments):
    return subprocess.run(command(credential, path, *arguments), check=True, capture_output=True, text=True).stdout


def answer(credential, path, *arguments):
    """The status and the body."""
    body, _, status = curl(credential, path, "-w", "\n%{http_code}", *arguments).rpartition("\n")
    return status, body


def me(credential):
    return json.loads(curl(credential, "/me"))


class CheshireCat2(unittest.TestCase):
    def test_a_key_is_its_user_to_the_cat(self):
        alice = me(FACTS["alice"])
        self.assertEqual((alice["name"], alice["roles"]), ("alice", []))
        self.assertEqual(me(FACTS["alice"])["id"], alice["id"])
        self.assertEqual(answer(FACTS["alice"], "/settings")[0], "403")

    def test_a_key_with_every_permission_is_an_administrator(self):
        self.assertEqual((me(FACTS["admin"])["name"], me(FACTS["admin"])["roles"]), ("root", ["admin"]))
        self.assertEqual(answer(FACTS["admin"], "/settings")[0], "200")

    def test_a_token_names_its_subject_and_each_has_an_id_of_their_own(self):
        self.assertEqual((me(FACTS["token"])["name"], me(FACTS["token"])["roles"]), ("bob", []))
        self.assertEqual(len({me(FACTS[name])["id"] for name in ["alice", "admin", "token"]}), 3)

    def test_each_sees_their_own_chats_alone(self):
        said = ["-H", "Content-Type: application/json", "-d", '{"name": "tea", "messages": [], "context": {}}']
        chat = json.loads(curl(FACTS["alice"], "/chats", *said))["id"]
        self.assertEqual([item["id"] for item in json.loads(curl(FACTS["alice"], "/chats"))["items"]], [chat])
        self.assertEqual(json.loads(curl(FACTS["token"], "/chats"))["items"], [])
        self.assertEqual(answer(FACTS["token"], f"/chats/{chat}")[0], "404")

    def test_a_redirect_comes_back_to_the_public_address(self):
        self.assertEqual(curl(FACTS["alice"], "/me/", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"), f"307 {URL}/me")

    def test_a_bad_credential_is_refused_as_the_cat_does(self):
        for credential in ["wrong", FACTS["expired"], None]:
            self.assertEqual(answer(credential, "/me"), ("403", '{"detail":"Invalid Credentials"}'))

    def test_a_token_of_the_backends_own_opens_nothing_from_outside(self):
        request = urllib.request.Request(f"{FACTS['backend']}/me", headers={"Authorization": f"Bearer {FACTS['backends']}"})
        with urllib.request.urlopen(request, timeout=30) as opened:
            self.assertEqual(json.load(opened)["roles"], ["admin"])
        for path in ["/me", "/status"]:
            self.assertEqual(answer(FACTS["backends"], path)[0], "403")
        cookie = ["--cookie", f"access_token={FACTS['backends']}"]
        self.assertEqual(answer(None, "/me", *cookie)[0], "403")
        self.assertEqual(json.loads(curl(FACTS["alice"], "/me", *cookie))["name"], "alice")

    def test_the_hole_that_a_fresh_project_has_is_closed(self):
        path = "/auth/callback/simple?code=x"
        with self.assertRaises(urllib.error.HTTPError) as redirected:
            urllib.request.build_opener(Stay).open(f"{FACTS['backend']}{path}", timeout=30)
        self.assertIn("access_token=", str(redirected.exception.headers), "the Cat has mended it")
        for credential in [None, FACTS["alice"], FACTS["admin"]]:
            status, body = answer(credential, path, "-D", "-")
            self.assertEqual(status, "403")
            self.assertNotIn("set-cookie", body.lower())

    def test_events_arrive_one_by_one(self):
        said = ["-H", "Content-Type: application/json", "-d", json.dumps(MESSAGE)]
        for version in ["--http1.1", "--http2"]:
            asking = command(FACTS["alice"], "/agents/default/message", version, *said)
            with subprocess.Popen(asking, stdout=subprocess.PIPE, text=True) as stream:
                arrived = [(time.monotonic(), json.loads(line[6:])) for line in stream.stdout if line.startswith("data: ")]
            self.assertEqual(arrived[0][1]["type"], "RUN_STARTED")
            self.assertEqual(arrived[-1][1]["type"], "RUN_FINISHED")
            ticks = [(moment, event["value"]) for moment, event in arrived if event["type"] == "CUSTOM"]
            self.assertEqual([value for _, value in ticks], [1, 2, 3])
            self.assertGreater(ticks[2][0] - ticks[0][0], 0.6, "the events were held back and came together")


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


if __name__ == "__main__":
    main()
