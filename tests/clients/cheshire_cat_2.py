"""The real Cheshire Cat 2 behind the generic profile, spoken to by curl: HTTP and server-sent events."""

import json
import subprocess
import unittest

from facts import FACTS, main

KEY = ["-H", f"Authorization: Bearer {FACTS['alice']}"]


def curl(*arguments):
    return subprocess.run(
        ["curl", "-sSN", "--max-time", "60", "--cacert", FACTS["ca"], *arguments], check=True, capture_output=True, text=True
    ).stdout


def status(*arguments):
    return curl("-o", "/dev/null", "-w", "%{http_code}", *arguments)


class CheshireCat2(unittest.TestCase):
    def test_even_what_the_cat_leaves_open_needs_a_key_here(self):
        self.assertEqual(status(f"{FACTS['url']}/status"), "401")
        self.assertEqual(status(*KEY, f"{FACTS['url']}/status"), "200")

    def test_the_backend_is_shown_its_own_key_and_never_the_clients(self):
        # The Cat knows only its own key: had ours reached it, this would be a 403.
        self.assertEqual(json.loads(curl(*KEY, f"{FACTS['url']}/me"))["name"], "admin")
        self.assertEqual(status("-H", f"Authorization: Bearer {FACTS['backend_key']}", f"{FACTS['url']}/me"), "401")

    def test_a_message_streams_as_events(self):
        message = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "stream": True}
        said = ["-H", "Content-Type: application/json", "-d", json.dumps(message)]
        for version in ["--http1.1", "--http2"]:
            events = curl(version, *KEY, *said, f"{FACTS['url']}/agents/default/message")
            types = [json.loads(line[6:])["type"] for line in events.splitlines() if line.startswith("data: ")]
            self.assertEqual(types[0], "RUN_STARTED")
            self.assertIn(types[-1], ["RUN_FINISHED", "RUN_ERROR"])  # without a language model it says so


if __name__ == "__main__":
    main()
