"""Zep 0.x's own Python client, PyPI `zep-python` 1.5, as its users write it."""

import unittest
import warnings

from facts import FACTS, headers, main, seen
from zep_python import APIError, NotFoundError, ZepClient
from zep_python.document import Document
from zep_python.exceptions import AuthError
from zep_python.memory import Memory, MemorySearchPayload, Session
from zep_python.message import Message
from zep_python.user import CreateUserRequest, UpdateUserRequest

URL = FACTS["url"]


class ZepPython0(unittest.TestCase):
    def client(self, credential):
        client = ZepClient(URL, api_key=credential)
        self.addCleanup(client.close)
        return client

    def test_a_client_is_made_without_a_credential_and_not_warned(self):
        before = len(seen())
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it warns of versions that it does not know
            self.client(None)
        self.assertEqual([head["target"] for head in seen()[before:]], ["/healthz"])

    def test_a_user_reads_what_is_their_own(self):
        zep = self.client(FACTS["u1"])
        self.assertEqual(zep.user.get("u1").user_id, "u1")
        self.assertIn("u1.first", [session.session_id for session in zep.user.get_sessions("u1")])
        self.assertEqual(zep.memory.get_session("u1.first").user_id, "u1")

    def test_what_a_user_says_is_remembered(self):
        zep = self.client(FACTS["u1"])
        said = [Message(role="user", content=text) for text in ["a cat", "a grin", "no cat"]]
        zep.memory.add_memory("u1.second", Memory(messages=said))
        remembered = zep.memory.get_memory("u1.second", lastn=2)
        self.assertEqual([message.content for message in remembered.messages], ["a grin", "no cat"])
        first = zep.message.get_session_messages("u1.second")[0]
        self.assertEqual(zep.message.get_session_message("u1.second", first.uuid).content, "a cat")
        found = zep.memory.search_memory("u1.second", MemorySearchPayload(text="cat"), limit=1)
        self.assertEqual([result.message["content"] for result in found], ["a cat"])
        zep.memory.delete_memory("u1.second")
        self.assertEqual(zep.memory.get_memory("u1.second").messages, [])

    def test_nothing_of_anybody_else(self):
        zep = self.client(FACTS["u1"])
        message = Memory(messages=[Message(role="user", content="mallory was here")])
        for attempt in [
            lambda: zep.user.get("u2"),
            lambda: zep.user.get_sessions("u2"),
            lambda: zep.user.delete("u2"),
            lambda: zep.user.update(UpdateUserRequest(user_id="u2", email="m@example.com")),
            lambda: zep.memory.get_session("u2.first"),
            lambda: zep.memory.get_memory("u2.first"),
            lambda: zep.memory.add_memory("u2.first", message),
            lambda: zep.memory.delete_memory("u2.first"),
            lambda: zep.message.get_session_messages("u2.first"),
            lambda: zep.memory.get_memory("u10.first"),
            lambda: zep.memory.get_memory("u1.x.first"),
            zep.user.list,
            zep.memory.list_sessions,
        ]:
            before = len(seen())
            with self.assertRaises(APIError) as refused:
                attempt()
            self.assertEqual(refused.exception.response_data["status_code"], 403)
            self.assertEqual(seen()[before:], [], "the backend was asked")

    def test_a_wrong_credential_is_the_exception_that_the_client_has_for_it(self):
        for name in ["wrong", "expired", "forged", "unsigned"]:
            zep = self.client(FACTS[name])
            with self.assertRaises(AuthError) as refused:
                zep.user.get("u1")
            self.assertEqual(refused.exception.response_data, {"status_code": 401, "message": "token is unauthorized\n"}, name)

    def test_the_token_without_claims_is_the_applications_and_may_do_everything(self):
        zep = self.client(FACTS["token"])
        self.assertEqual(zep.user.add(CreateUserRequest(user_id="u3", email="u3@example.com")).user_id, "u3")
        self.assertEqual(zep.user.update(UpdateUserRequest(user_id="u3", first_name="Dinah")).first_name, "Dinah")
        self.assertLessEqual({"u1", "u2", "u3"}, {user.user_id for user in zep.user.list()})
        zep.memory.add_session(Session(session_id="u3.first", user_id="u3"))
        updated = zep.memory.update_session(Session(session_id="u3.first", metadata={"mad": True}))
        self.assertEqual(updated.metadata, {"mad": True})
        self.assertIn("u3.first", [session.session_id for session in zep.memory.list_sessions()])
        zep.user.delete("u3")
        with self.assertRaises(NotFoundError):
            zep.user.get("u3")

    def test_collections_hold_documents(self):
        zep = self.client(FACTS["token"])
        collection = zep.document.add_collection(name="wonderland", embedding_dimensions=8)
        uuids = collection.add_documents([Document(content=text) for text in ["a cat", "a hare"]])
        self.assertEqual(zep.document.get_collection("wonderland").status, "ready")
        self.assertEqual([document.content for document in collection.search(text="hare")], ["a hare"])
        self.assertEqual(collection.get_document(uuids[0]).content, "a cat")
        zep.document.delete_collection("wonderland")
        self.assertEqual(zep.document.list_collections(), [])

    def test_a_redirect_comes_back_to_the_public_address(self):
        zep = self.client(FACTS["u1"])
        location = zep.client.get("/sessions/u1.first-moved").headers["location"]
        self.assertEqual(location, f"{URL}/api/v1/sessions/u1.first")
        zep.client.follow_redirects = True
        self.assertEqual(zep.memory.get_session("u1.first-moved").session_id, "u1.first")

    def test_one_client_after_the_other_and_two_at_once(self):
        with ZepClient(URL, api_key=FACTS["u1"]) as first:
            self.assertEqual(first.user.get("u1").user_id, "u1")
        second, third = self.client(FACTS["u1"]), self.client(FACTS["u2"])
        for _ in range(3):
            self.assertEqual([second.user.get("u1").user_id, third.user.get("u2").user_id], ["u1", "u2"])

    def test_the_backend_is_shown_a_token_of_its_own_and_nothing_of_the_clients(self):
        for name in ["u1", "token"]:
            before = len(seen())
            self.client(FACTS[name]).user.get("u1")
            head = seen()[before:][-1]
            (shown,) = headers(head, "authorization")
            self.assertTrue(shown.startswith("Bearer "))
            self.assertNotIn(FACTS[name], str(head))


class ZepPython0Async(unittest.IsolatedAsyncioTestCase):
    async def test_the_asynchronous_half_of_the_client_works_as_well(self):
        async with ZepClient(URL, api_key=FACTS["u1"]) as zep:
            self.assertEqual((await zep.user.aget("u1")).user_id, "u1")
            with self.assertRaises(APIError):
                await zep.user.aget("u2")


if __name__ == "__main__":
    main()
