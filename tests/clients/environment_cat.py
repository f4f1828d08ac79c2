"""The Cat's own variables and no file: what its operator has already, and its Python client."""

import json
import queue
import threading
import unittest

import cheshire_cat_api as ccat
from facts import FACTS, main


def client(key, **callbacks):
    config = ccat.Config(base_url="localhost", port=FACTS["port"], user_id="alice", auth_key=key, secure_connection=True)
    return ccat.CatClient(config=config, **callbacks)


class EnvironmentCat(unittest.TestCase):
    def chat(self, key):
        """The answer to one message, or the error that came instead."""
        events = queue.Queue()
        cat = client(key, on_open=lambda: events.put("open"), on_message=events.put, on_error=events.put)
        cat.connect_ws()
        try:
            if (event := events.get(timeout=10)) != "open":
                return str(event)
            cat.send("hello")
            while (message := json.loads(events.get(timeout=10)))["type"] == "chat_token":
                pass
            return message
        finally:
            # The client's own thread may notice only after ten seconds that its socket is closed.
            threading.Thread(target=cat.close).start()

    def test_a_token_as_the_cat_makes_them_opens_both(self):
        self.assertEqual(client(FACTS["token"]).status.home()["status"], "We're all mad here, dear!")
        self.assertEqual(self.chat(FACTS["token"])["user_id"], "bob")

    def test_each_key_opens_its_own_transport_and_may_name_anybody(self):
        self.assertEqual(client(FACTS["http"]).status.home()["status"], "We're all mad here, dear!")
        self.assertEqual(self.chat(FACTS["ws"])["user_id"], "alice")
        self.assertIn("403", self.chat(FACTS["http"]))
        with self.assertRaises(ccat.exceptions.ForbiddenException):
            client(FACTS["ws"]).status.home()

    def test_nothing_else_opens_anything(self):
        for key in ["", "wrong", FACTS["expired"]]:
            with self.assertRaises(ccat.exceptions.ForbiddenException):
                client(key).status.home()
            self.assertIn("403", self.chat(key))


if __name__ == "__main__":
    main()
