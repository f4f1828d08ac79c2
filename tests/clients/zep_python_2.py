"""The Python client of Zep Community Edition, PyPI `zep-python` 2.0, as its users write it."""

import unittest

from facts import FACTS, headers, main, seen
from zep_python import Message, NotFoundError
from zep_python.client import AsyncZep, Zep
from zep_python.core.api_error import ApiError

URL = FACTS["url"]


def client(credential, **options):
    return Zep(base_url=URL, api_key=credential, timeout=30, **options)


class ZepPython2(unittest.TestCase):
    def test_a_user_reads_what_is_their_own(self):
        zep = client(FACTS["u1"])
        self.assertEqual(zep.user.get("u1").user_id, "u1")
        self.assertIn("u1.first", [session.session_id for sessions in zep.user.get_sessions("u1") for session in sessions])
        self.assertEqual(zep.memory.get_session("u1.first").user_id, "u1")

    def test_what_a_user_says_is_remembered(self):
        zep = client(FACTS["u1"])
        said = [Message(role_type="user", content=text) for text in ["a cat", "a grin", "no cat"]]
        zep.memory.add("u1.first", messages=said)
        self.assertEqual([message.content for message in zep.memory.get("u1.first", lastn=2).messages], ["a grin", "no cat"])
        first = zep.memory.get_session_messages("u1.first").messages[0]
        self.assertEqual(zep.memory.get_session_message("u1.first", first.uuid_).content, "a cat")
        zep.memory.delete("u1.first")
        self.assertEqual(zep.memory.get("u1.first").messages, [])

    def test_nothing_of_anybody_else(self):
        zep = client(FACTS["u1"])
        for attempt in [
            lambda: zep.user.get("u2"),
            lambda: zep.user.get_sessions("u2"),
            lambda: zep.user.delete("u2"),
            lambda: zep.user.update("u2", email="m@example.com"),
            lambda: zep.memory.get_session("u2.first"),
            lambda: zep.memory.get("u2.first"),
            lambda: zep.memory.add("u2.first", messages=[Message(role_type="user", content="mallory was here")]),
            lambda: zep.memory.delete("u2.first"),
            lambda: zep.memory.get_session_messages("u2.first"),
            lambda: zep.memory.get("u10.first"),
            lambda: zep.memory.get("u1.x.first"),
            zep.user.list_ordered,
            zep.memory.list_sessions,
        ]:
            before = len(seen())
            with self.assertRaises(ApiError) as refused:
                attempt()
            self.assertEqual(refused.exception.status_code, 403)
            self.assertEqual(seen()[before:], [], "the backend was asked")

    def test_a_wrong_credential_is_the_exception_that_the_client_has_for_it(self):
        for name in ["wrong", "backend_key"]:
            with self.assertRaises(ApiError) as refused:
                client(FACTS[name]).user.get("u1")
            self.assertEqual((refused.exception.status_code, refused.exception.body), (401, "unauthorized\n"), name)

    def test_a_key_with_every_permission_may_do_everything(self):
        zep = client(FACTS["app"])
        self.assertEqual(zep.user.add(user_id="u3", email="u3@example.com").user_id, "u3")
        self.assertEqual(zep.user.update("u3", first_name="Dinah").first_name, "Dinah")
        self.assertLessEqual({"u1", "u2", "u3"}, {user.user_id for user in zep.user.list_ordered().users})
        zep.memory.add_session(session_id="u3.first", user_id="u3")
        zep.memory.add("u3.first", messages=[Message(role_type="user", content="a cat")])
        found = zep.memory.search_sessions(text="cat", user_id="u3").results
        self.assertEqual([result.message.content for result in found], ["a cat"])
        self.assertIn("u3.first", [session.session_id for session in zep.memory.list_sessions().sessions])
        zep.user.delete("u3")
        with self.assertRaises(NotFoundError):
            zep.user.get("u3")

    def test_a_redirect_comes_back_to_the_public_address_and_the_call_succeeds(self):
        with self.assertRaises(ApiError) as redirected:
            client(FACTS["u1"]).memory.get_session("u1.first-moved")
        self.assertEqual(redirected.exception.status_code, 307)
        zep = client(FACTS["u1"], follow_redirects=True)
        self.assertEqual(zep.memory.get_session("u1.first-moved").session_id, "u1.first")

    def test_one_client_after_the_other_and_two_at_once(self):
        self.assertEqual(client(FACTS["u1"]).user.get("u1").user_id, "u1")
        second, third = client(FACTS["u1"]), client(FACTS["u2"])
        for _ in range(3):
            self.assertEqual([second.user.get("u1").user_id, third.user.get("u2").user_id], ["u1", "u2"])

    def test_the_backend_is_shown_its_own_secret_and_nothing_of_the_clients(self):
        before = len(seen())
        client(FACTS["u1"]).user.get("u1")
        (head,) = seen()[before:]
        self.assertEqual(headers(head, "authorization"), [f"Api-Key {FACTS['backend_key']}"])
        self.assertNotIn(FACTS["u1"], str(head))


class ZepPython2Async(unittest.IsolatedAsyncioTestCase):
    async def test_the_asynchronous_half_of_the_client_works_as_well(self):
        zep = AsyncZep(base_url=URL, api_key=FACTS["u1"], timeout=30)
        self.assertEqual((await zep.user.get("u1")).user_id, "u1")
        with self.assertRaises(ApiError):
            await zep.user.get("u2")


if __name__ == "__main__":
    main()
