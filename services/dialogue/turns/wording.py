"""The words of an agent's turn: known at once, or sentence by sentence."""

import asyncio
from collections.abc import AsyncIterator

from services.dialogue.policy import Reply


class Wording:
    """A reply that may grow. Sentences that are there stay; more may follow until it is done."""

    def __init__(self, reply: Reply, *, done: bool = True) -> None:
        self.reply = reply
        self.done = done
        self._more = asyncio.Event()

    def grow(self, reply: Reply, *, done: bool) -> None:
        """There is more; nobody who waits is told before `wake`."""
        self.reply, self.done = reply, done

    def wake(self) -> None:
        """Let those who wait see what there is."""
        self._more.set()
        self._more = asyncio.Event()

    async def whole(self) -> None:
        """Wait until it is done."""
        while not self.done:
            await self._more.wait()

    async def sentences(self) -> AsyncIterator[str]:
        """Yield the sentences as they come."""
        place = 0
        while True:
            while place < len(self.reply.sentences):
                place += 1
                yield self.reply.sentences[place - 1]
            if self.done:
                return
            await self._more.wait()
