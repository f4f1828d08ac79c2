"""What happens to doorward during a soak: files change, the backend goes away and comes back."""

import asyncio
import ssl
import time

from harness.client import Connection, Unexpected, bearer
from harness.settings import fresh_key

CHANGE_EVERY, RESTART_EVERY = 3.0, 25.0
# A change must be seen by then.
IN_FORCE_BAR = 2.0


class Events:
    def __init__(self, stage, tally):
        self.stage, self.tally, self.place = stage, tally, stage.place()
        self.pairs = [[(stage.directory / f"{name}.{end}").read_text() for end in ("key", "crt")] for name in ("server", "another")]
        self.old = fresh_key()

    async def change_files(self):
        """A file in turn; it must be in force in time."""
        changes = [self.configuration, self.keys, self.certificate]
        while await self.pause(CHANGE_EVERY):
            with self.tally.task("reloads"):
                await changes[self.tally.done["reloads"] % 3]()

    async def restart_backend(self):
        while await self.pause(RESTART_EVERY):
            outage = [time.time(), float("inf")]
            self.tally.outages.append(outage)
            _, outage[1] = await asyncio.to_thread(self.stage.restart_backend)
            self.tally.done["backend restarts"] += 1

    async def pause(self, seconds):
        """Whether to go on after it."""
        until = time.time() + seconds
        while self.tally.running and time.time() < until:
            await asyncio.sleep(0.1)
        return self.tally.running

    async def configuration(self):
        new, old = fresh_key(), self.stage.declared
        since, self.stage.declared = self.stage.write_config(new), new
        await self.until_seen(since, new, old)

    async def keys(self):
        new, old = fresh_key(), self.old
        since, self.old = self.stage.write_keys(new), new
        await self.until_seen(since, new, old)

    async def until_seen(self, since, new, old):
        """A keep-alive connection takes the one and refuses the other."""
        connection = await Connection.open(self.place)
        for key, wanted in ((new, "taken"), (old, "refused")):
            # While the backend is away a key that is taken is answered 502.
            while ("refused" if (await connection.ask("GET", "/", bearer(key))).status == 401 else "taken") != wanted:
                self.patience(since, f"a key that is not {wanted}")
                await asyncio.sleep(0.005)
        await connection.close()

    async def certificate(self):
        self.pairs.reverse()
        key, chain = self.pairs[0]
        since, wanted = self.stage.put("server.key", key), ssl.PEM_cert_to_DER_cert(chain)
        self.stage.put("server.crt", chain)
        while True:
            connection = await Connection.open(self.place)
            shown = connection.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            await connection.close()
            if shown == wanted:
                return
            self.patience(since, "the certificate before")
            await asyncio.sleep(0.005)

    def patience(self, since, got):
        if time.time() - since > IN_FORCE_BAR:
            raise Unexpected(f"not in force after {IN_FORCE_BAR} s: {got}")
