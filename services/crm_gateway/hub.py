"""The calls of this process: which want to hear that a contact changed, and what they have learned."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.crm_gateway.model import ContactKey, LiveCall


class Watcher:
    """One call's interest. Changes while it is busy become one: it reads what is there, not what happened."""

    def __init__(self) -> None:
        self.keys: frozenset[ContactKey] = frozenset()
        self.contact_id = ""
        """Whom the call was told to have; empty: nobody yet."""
        self.live: LiveCall | None = None
        """What the call has learned; None: it is no session's."""
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Have the call look again."""
        self._changed.set()

    async def woken(self) -> None:
        """Wait until there is a reason to look again."""
        await self._changed.wait()
        self._changed.clear()


class Hub:
    """Tells the calls of this process; a tenant's changes reach its own calls only."""

    def __init__(self) -> None:
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)

    @contextlib.contextmanager
    def watching(self, tenant_id: str, watcher: Watcher) -> Iterator[None]:
        """Let a call hear of its tenant's changes."""
        self._watchers[tenant_id].add(watcher)
        try:
            yield
        finally:
            self._watchers[tenant_id].discard(watcher)
            if not self._watchers[tenant_id]:
                del self._watchers[tenant_id]

    def tell(self, tenant_id: str, keys: Iterable[ContactKey]) -> None:
        """The contact of these names changed."""
        changed = frozenset(keys)
        for watcher in self._watchers.get(tenant_id, ()):
            if watcher.keys & changed:
                watcher.wake()

    def live(self, tenant_id: str, contact_id: str) -> tuple[LiveCall, ...]:
        """Return what a contact's calls have learned so far, by session."""
        watchers = self._watchers.get(tenant_id, ())
        calls = [each.live for each in watchers if each.live is not None and each.contact_id == contact_id]
        return tuple(sorted(calls, key=lambda call: call.session_id))

    def __len__(self) -> int:
        return sum(len(watchers) for watchers in self._watchers.values())
