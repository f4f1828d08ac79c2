"""PyPI `websockets`: compression, large messages, close codes, refusals, and revocation under an open socket."""

import asyncio
import base64
import json
import pathlib
import ssl
import time
import unittest

from facts import FACTS, main
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

URL = FACTS["url"].replace("https://", "wss://")
TRUST = ssl.create_default_context(cafile=FACTS["ca"])


def socket(path, key=None, **options):
    query = f"?token={key}" if key else ""
    return connect(f"{URL}{path}{query}", ssl=TRUST, max_size=None, open_timeout=20, **options)


async def ask(open_socket, text):
    """The whole answer to one message."""
    await open_socket.send(json.dumps({"text": text, "user_id": "mallory"}))
    while (message := json.loads(await asyncio.wait_for(open_socket.recv(), 20)))["type"] != "chat":
        pass
    return message


class Websockets(unittest.IsolatedAsyncioTestCase):
    async def test_the_user_in_the_path_is_the_verified_one(self):
        for path in ["/ws", "/ws/bob", "/ws/alice"]:
            async with socket(path, FACTS["alice"]) as chat:
                self.assertEqual((await ask(chat, "hi"))["user_id"], "alice")

    async def test_a_token_opens_a_socket_for_its_subject(self):
        async with socket("/ws/alice", FACTS["token"]) as chat:
            self.assertEqual((await ask(chat, "hi"))["user_id"], "bob")

    async def test_an_acting_key_opens_a_socket_for_the_visitor_in_the_path(self):
        async with socket("/ws/visitor-7", FACTS["visitors"]) as chat:
            self.assertEqual((await ask(chat, "hi"))["user_id"], "visitor-7")

    async def test_refusals_come_before_the_socket_exists(self):
        for path, key in [("/ws/alice", None), ("/ws/alice", "wrong"), ("/ws/alice", FACTS["visitors"])]:
            with self.assertRaises(InvalidStatus) as refused:
                async with socket(path, key):
                    pass
            self.assertEqual(refused.exception.response.status_code, 403)

    async def test_headers_and_subprotocols_carry_keys_too(self):
        key = FACTS["alice"]
        encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
        for options in [
            {"additional_headers": {"Authorization": f"Bearer {key}"}},
            {"subprotocols": ["bearer", key]},
            {"subprotocols": [f"base64url.bearer.authorization.{encoded}"]},
        ]:
            async with socket("/ws", **options) as chat:
                self.assertIsNone(chat.subprotocol)
                self.assertEqual((await ask(chat, "hi"))["user_id"], "alice")

    async def test_messages_of_megabytes_pass_whole(self):
        text = "doorward" * 500_000  # one word, so that the answer is not streamed in half a million pieces
        for compression in ["deflate", None]:
            async with socket("/ws", FACTS["alice"], compression=compression) as chat:
                self.assertEqual((await ask(chat, text))["content"], f"Hello alice, you said: {text}")

    async def test_a_backend_that_breaks_off_is_a_clear_close(self):
        # The Cat drops a connection without a close frame when it reads what is not JSON.
        async with socket("/ws", FACTS["alice"]) as chat:
            await chat.send("not json")
            with self.assertRaises(ConnectionClosed) as closed:
                await asyncio.wait_for(chat.recv(), 20)
            self.assertEqual(closed.exception.rcvd.code, 1011)

    async def test_a_close_is_answered(self):
        chat = await socket("/ws", FACTS["alice"])
        await chat.close(1000, "done")
        self.assertEqual(chat.close_code, 1000)

    async def test_a_key_that_leaves_the_file_ends_its_sockets_and_no_others(self):
        config = pathlib.Path(FACTS["config"])
        before = config.read_text()
        async with socket("/ws/visitor-1", FACTS["visitors"]) as revoked, socket("/ws", FACTS["alice"]) as kept:
            await ask(revoked, "hi")
            written = time.monotonic()
            config.write_text(before[: before.rindex("[[key]]")])
            with self.assertRaises(ConnectionClosed) as closed:
                await asyncio.wait_for(revoked.recv(), 20)
            took = time.monotonic() - written
            self.assertEqual(closed.exception.rcvd.code, 4403)
            self.assertLess(took, 2)
            self.assertEqual((await ask(kept, "still here"))["user_id"], "alice")
        config.write_text(before)
        deadline = time.monotonic() + 10
        while True:  # the other tests use this key
            try:
                async with socket("/ws/visitor-1", FACTS["visitors"]):
                    return
            except InvalidStatus:
                self.assertLess(time.monotonic(), deadline)

    async def test_a_token_that_expires_ends_its_socket(self):
        process = await asyncio.create_subprocess_exec(
            FACTS["doorward"], "token", "create", "--user", "bob", "--expires", "3s",
            cwd=FACTS["folder"], stdout=asyncio.subprocess.PIPE,
        )
        token = (await process.communicate())[0].decode().strip()
        async with socket("/ws", token) as chat:
            await ask(chat, "hi")
            with self.assertRaises(ConnectionClosed) as closed:
                await asyncio.wait_for(chat.recv(), 20)
            self.assertEqual(closed.exception.rcvd.code, 4401)


if __name__ == "__main__":
    main()
