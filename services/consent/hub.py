"""Who in this process wants to hear that something about a person changed."""

import asyncio
from collections import defaultdict


class Watcher:
    """One monitor stream's interest: which of its checks concern which names, and which were touched.

    The touched checks are a set, not a queue: a check touched a thousand times while its stream is slow is
    decided once, and the set never holds more than the stream watches.
    """

    def __init__(self) -> None:
        self._keys_of: dict[str, frozenset[str]] = {}
        self._checks_of: defaultdict[str, set[str]] = defaultdict(set)
        self._touched: set[str] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys_of)

    def __contains__(self, check_id: str) -> bool:
        return check_id in self._keys_of

    @property
    def keys(self) -> frozenset[str]:
        """All names that are watched."""
        return frozenset(self._checks_of)

    def watch(self, check_id: str, keys: frozenset[str]) -> None:
        """Watch the names for a check, in place of those it watched before."""
        for key in self._keys_of.get(check_id, frozenset()) - keys:
            self._checks_of[key].discard(check_id)
            if not self._checks_of[key]:
                del self._checks_of[key]
        for key in keys:
            self._checks_of[key].add(check_id)
        self._keys_of[check_id] = keys

    def touch(self, keys: frozenset[str]) -> None:
        """Note that something about these names changed."""
        touched = {check for key in keys & self._checks_of.keys() for check in self._checks_of[key]}
        if touched:
            self._touched |= touched
            self._changed.set()

    async def touched(self) -> frozenset[str]:
        """Wait until a check was touched; return those touched since the last time."""
        await self._changed.wait()
        self._changed.clear()
        touched, self._touched = frozenset(self._touched), set()
        return touched


class Hub:
    """Tells the watchers of this process; a tenant's changes reach its own watchers only."""

    def __init__(self) -> None:
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)

    def join(self, tenant_id: str, watcher: Watcher) -> None:
        """Let a watcher hear of the tenant's changes."""
        self._watchers[tenant_id].add(watcher)

    def leave(self, tenant_id: str, watcher: Watcher) -> None:
        """Let it hear no more."""
        self._watchers[tenant_id].discard(watcher)
        if not self._watchers[tenant_id]:
            del self._watchers[tenant_id]

    def tell(self, tenant_id: str, keys: frozenset[str]) -> None:
        """Something about these names of the tenant changed."""
        for watcher in self._watchers.get(tenant_id, ()):
            watcher.touch(keys)

    def __len__(self) -> int:
        return sum(len(watchers) for watchers in self._watchers.values())
