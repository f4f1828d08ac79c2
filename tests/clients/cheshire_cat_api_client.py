"""The Cat's own Python client, PyPI `cheshire-cat-api`, as its users write it."""

import json
import queue
import threading
import unittest

import cheshire_cat_api as ccat
from facts import FACTS, main


def client(key, **callbacks):
    config = ccat.Config(base_url="localhost", port=FACTS["port"], user_id="mallory", auth_key=key, secure_connection=True)
    return ccat.CatClient(config=config, **callbacks)


class Chat:
    """A client and what happens to its socket."""

    def __init__(self, key):
        self.opened, self.messages, self.errors = queue.Queue(), queue.Queue(), queue.Queue()
        callbacks = {"on_open": lambda: self.opened.put(True), "on_message": self.messages.put, "on_error": self.errors.put}
        self.cat = client(key, **callbacks)

    def __enter__(self):
        self.cat.connect_ws()
        return self

    def __exit__(self, *_):
        # The client's own thread may notice only after ten seconds that its socket is closed.
        threading.Thread(target=self.cat.close).start()

    def ask(self, text):
        """The pieces of the answer, and the whole of it."""
        self.cat.send(text)
        pieces = []
        while (message := json.loads(self.messages.get(timeout=10)))["type"] == "chat_token":
            pieces.append(message["content"])
        return pieces, message


class CheshireCatApi(unittest.TestCase):
    def test_http_calls_are_answered(self):
        self.assertEqual(client(FACTS["alice"]).status.home()["status"], "We're all mad here, dear!")

    def test_a_redirect_is_followed_over_tls_and_the_call_succeeds(self):
        # This client asks for /llm/settings/, which the Cat answers with a 307 to an absolute address. Over plain http
        # the call would fail: it is a TLS port that would be asked.
        self.assertIn("settings", client(FACTS["alice"]).llm.get_llms_settings())

    def test_one_credential_opens_both(self):
        for name, user in [("alice", "alice"), ("token", "bob")]:
            with Chat(FACTS[name]) as chat:
                chat.opened.get(timeout=10)
                self.assertEqual(chat.ask("hello")[1]["user_id"], user)
                self.assertEqual(chat.cat.status.home()["status"], "We're all mad here, dear!")

    def test_a_wrong_key_is_the_exception_that_the_client_has_for_it(self):
        for key in ["wrong", FACTS["expired"]]:
            with self.assertRaises(ccat.exceptions.ForbiddenException) as refused:
                client(key).status.home()
            self.assertEqual(json.loads(refused.exception.body), {"detail": {"error": "Invalid Credentials"}})

    def test_a_chat_streams_for_the_verified_user(self):
        with Chat(FACTS["alice"]) as chat:
            chat.opened.get(timeout=10)
            pieces, message = chat.ask("hello")
        self.assertEqual(message["type"], "chat")
        self.assertEqual((message["user_id"], message["content"]), ("alice", "Hello alice, you said: hello"))
        self.assertEqual("".join(pieces), message["content"])
        self.assertGreater(len(pieces), 2)

    def test_a_client_that_closed_connects_again(self):
        chat = Chat(FACTS["alice"])
        for text in ["hello", "here I am again"]:
            chat.cat.connect_ws()
            chat.opened.get(timeout=10)
            self.assertEqual(chat.ask(text)[1]["content"], f"Hello alice, you said: {text}")
            chat.cat.close()

    def test_a_chat_with_a_wrong_key_never_opens(self):
        for key in ["wrong", FACTS["expired"]]:
            with Chat(key) as chat:
                self.assertIn("403", str(chat.errors.get(timeout=10)))
                self.assertTrue(chat.opened.empty())


if __name__ == "__main__":
    main()
