"""curl: HTTP/1.1 and HTTP/2, streams, uploads, and what the backend is told."""

import json
import pathlib
import subprocess
import tempfile
import time
import unittest

from facts import FACTS, main

URL = FACTS["url"]
ALICE = ["-H", f"Authorization: Bearer {FACTS['alice']}"]


def curl(*arguments, check=True):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "30", "--cacert", FACTS["ca"], *map(str, arguments)], capture_output=True, text=True
    )
    if check and done.returncode:
        raise AssertionError(f"curl ended with {done.returncode}: {done.stderr}")
    return done.stdout


def status(*arguments):
    return curl("-o", "/dev/null", "-w", "%{http_code}", *arguments)


def headers_at_backend(*arguments):
    seen = json.loads(curl(f"{URL}/who", *arguments))["headers"]
    return [(name.lower(), value) for name, value in seen]


class Curl(unittest.TestCase):
    def test_no_certificate_of_ours_no_connection(self):
        refused = subprocess.run(["curl", "-sS", "--max-time", "30", f"{URL}/"], capture_output=True, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual(refused.returncode, 60)

    def test_both_http_versions_are_spoken(self):
        for flag, version in [("--http1.1", "1.1"), ("--http2", "2")]:
            answer = curl(flag, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", *ALICE, f"{URL}/")
            self.assertEqual(answer, f"{version} 200")

    def test_both_tls_versions_are_spoken(self):
        for version in ["1.2", "1.3"]:
            self.assertEqual(status(f"--tlsv{version}", "--tls-max", version, *ALICE, f"{URL}/"), "200")

    def test_no_key_and_a_wrong_key_are_refused_as_the_cat_does(self):
        for credential in [[], ["-H", "Authorization: Bearer wrong"], ["-H", "access_token: wrong"]]:
            answer = curl("-w", "\n%{http_code}", *credential, f"{URL}/")
            self.assertEqual(answer, '{"detail":{"error":"Invalid Credentials"}}\n403')

    def test_a_token_in_the_query_is_no_credential_on_http(self):
        self.assertEqual(status(f"{URL}/?token={FACTS['alice']}"), "403")

    def test_every_carrier_of_the_cat_works(self):
        key = FACTS["alice"]
        for line in [f"Authorization: bearer {key}", f"Authorization: {key}", f"access_token: {key}", f"X-API-Key: {key}"]:
            self.assertEqual(status("-H", line, f"{URL}/"), "200")

    def test_two_different_credentials_are_refused(self):
        self.assertEqual(status(*ALICE, "-H", f"access_token: {FACTS['visitors']}", f"{URL}/"), "400")

    def test_the_backend_is_told_the_verified_user_whatever_the_client_claims(self):
        claims = ["user_id: mallory", "User-Id: mallory", "USER_ID: mallory", "user-id: mallory", "Connection: user_id"]
        claims = [part for claim in claims for part in ["-H", claim]]
        for version in ["--http1.1", "--http2"]:
            seen = headers_at_backend(version, *ALICE, *(claims[:-2] if version == "--http2" else claims))
            self.assertEqual([value for name, value in seen if name.replace("-", "_") == "user_id"], ["alice"])
            self.assertNotIn("mallory", str(seen))
            self.assertNotIn(FACTS["alice"], str(seen))

    def test_a_token_names_its_subject(self):
        seen = headers_at_backend("-H", f"Authorization: Bearer {FACTS['token']}")
        self.assertIn(("user_id", "bob"), seen)
        self.assertNotIn(FACTS["token"], str(seen))

    def test_an_acting_key_names_visitors_only(self):
        visitors = ["-H", f"X-API-Key: {FACTS['visitors']}"]
        self.assertIn(("user_id", "visitor-7"), headers_at_backend(*visitors, "-H", "user_id: visitor-7"))
        self.assertEqual(status(*visitors, "-H", "user_id: alice", f"{URL}/who"), "403")

    def test_a_key_may_not_do_what_it_has_no_permission_for(self):
        visitor = ["-H", f"X-API-Key: {FACTS['visitors']}", "-H", "user_id: visitor-7"]
        self.assertEqual(status(*visitor, f"{URL}/llm/settings"), "403")
        self.assertEqual(status(*ALICE, f"{URL}/llm/settings"), "200")

    def test_what_no_rule_names_is_denied(self):
        self.assertEqual(status(*ALICE, f"{URL}/auth/token"), "403")

    def test_a_redirect_comes_back_to_the_public_address(self):
        location = curl("-o", "/dev/null", "-w", "%{redirect_url}", *ALICE, f"{URL}/llm/settings/")
        self.assertEqual(location, f"{URL}/llm/settings")

    def test_a_message_is_answered_for_the_verified_user(self):
        said = ["-H", "Content-Type: application/json", "-d", '{"text": "hi", "user_id": "mallory"}']
        self.assertEqual(json.loads(curl(*ALICE, *said, f"{URL}/message"))["content"], "Hello alice, you said: hi")

    def test_a_large_upload_passes_both_ways(self):
        text = "doorward " * 1_000_000
        with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
            json.dump({"text": text}, body)
            body.flush()
            for version in ["--http1.1", "--http2"]:
                for expectation in ["Expect: 100-continue", "Expect:"]:
                    upload = [version, "-H", expectation, "-H", "Content-Type: application/json", "--data-binary", f"@{body.name}"]
                    answer = json.loads(curl(*ALICE, *upload, f"{URL}/message"))
                    self.assertEqual(answer["content"], f"Hello alice, you said: {text}")

    def test_server_sent_events_arrive_one_by_one(self):
        command = ["curl", "-sSN", "--max-time", "30", "--cacert", FACTS["ca"], *ALICE, f"{URL}/demo/events?count=3&every=400"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stream:
            arrived = [(time.monotonic(), line) for line in stream.stdout if line.startswith("data: ")]
        self.assertEqual([json.loads(line[6:]) for _, line in arrived], [{"tick": n, "user_id": "alice"} for n in [1, 2, 3]])
        self.assertGreater(arrived[2][0] - arrived[0][0], 0.6, "the events were held back and came together")

    def test_a_key_works_from_the_moment_it_is_written_and_no_longer_than_it_stands_there(self):
        made = json.loads(subprocess.run(
            [FACTS["doorward"], "key", "create", "--user", "carol", "--format", "json"], check=True, capture_output=True, text=True
        ).stdout)
        carol = ["-H", f"Authorization: Bearer {made['key']}"]
        config = pathlib.Path(FACTS["config"])
        before = config.read_text()
        self.assertEqual(status(*carol, f"{URL}/"), "403")
        for text, expected in [(before + made["block"], "200"), (before, "403")]:
            config.write_text(text)
            deadline = time.monotonic() + 5
            while (answer := status(*carol, f"{URL}/")) != expected and time.monotonic() < deadline:
                pass
            self.assertEqual(answer, expected)


if __name__ == "__main__":
    main()
