"""The Cat's own Python client, PyPI `cheshire-cat-api`, as its users write it."""

import json
import queue
import unittest

import cheshire_cat_api as ccat
from facts import FACTS, main


def client(key, **callbacks):
    config = ccat.Config(base_url="localhost", port=FACTS["port"], user_id="mallory", auth_key=key, secure_connection=True)
    return ccat.CatClient(config=config, **callbacks)


class CheshireCatApi(unittest.TestCase):
    def test_http_calls_are_answered(self):
        self.assertEqual(client(FACTS["alice"]).status.home()["status"], "We're all mad here, dear!")

    def test_a_redirect_is_followed_over_tls_and_the_call_succeeds(self):
        # This client asks for /llm/settings/, which the Cat answers with a 307 to an absolute address.
        self.assertIn("settings", client(FACTS["alice"]).llm.get_llms_settings())

    def test_a_wrong_key_is_the_exception_that_the_client_has_for_it(self):
        with self.assertRaises(ccat.exceptions.ForbiddenException):
            client("wrong").status.home()

    def test_a_chat_streams_for_the_verified_user(self):
        opened, messages = queue.Queue(), queue.Queue()
        cat = client(FACTS["alice"], on_open=lambda: opened.put(True), on_message=messages.put)
        cat.connect_ws()
        try:
            opened.get(timeout=10)
            cat.send("hello")
            pieces = []
            while (message := json.loads(messages.get(timeout=10)))["type"] == "chat_token":
                pieces.append(message["content"])
        finally:
            cat.close()
        self.assertEqual(message["type"], "chat")
        self.assertEqual((message["user_id"], message["content"]), ("alice", "Hello alice, you said: hello"))
        self.assertEqual("".join(pieces), message["content"])
        self.assertGreater(len(pieces), 2)

    def test_a_chat_with_a_wrong_key_never_opens(self):
        opened, errors = queue.Queue(), queue.Queue()
        cat = client("wrong", on_open=lambda: opened.put(True), on_error=errors.put)
        cat.connect_ws()
        self.assertIn("403", str(errors.get(timeout=10)))
        self.assertTrue(opened.empty())


if __name__ == "__main__":
    main()
