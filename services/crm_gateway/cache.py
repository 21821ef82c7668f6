"""The operational cache: callers' contexts, shown at once and read again behind the scenes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakValueDictionary

from cachetools import TTLCache

from services.crm_gateway import metrics
from services.crm_gateway.model import CallerContext, ContactKey

Name: TypeAlias = tuple[str, ContactKey]
"""A tenant and one of its contacts' names: tenants never share an entry."""

Load: TypeAlias = Callable[[str, ContactKey], Awaitable[CallerContext]]


@dataclass(frozen=True, slots=True)
class _Entry:
    context: CallerContext
    read_at: float
    names: frozenset[Name]


class ContextCache:
    """Keeps what was read of callers.

    An entry is fresh for `window_s` seconds unless its contact was touched; after that it is shown, marked stale,
    for `keep_s` seconds, while whoever shows it reads it again. Holds at most `size` entries; when it is full the
    one that was used longest ago goes. Entries for callers nobody knows are kept too.
    """

    def __init__(
        self,
        load: Load,
        *,
        window_s: float,
        keep_s: float,
        size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._window_s = window_s
        self._clock = clock
        self._entries: TTLCache[Name, _Entry] = TTLCache(size, max(keep_s, window_s), timer=clock)
        self._touched: TTLCache[Name, float] = TTLCache(4 * size, max(keep_s, window_s), timer=clock)
        self._locks: WeakValueDictionary[Name, asyncio.Lock] = WeakValueDictionary()

    def peek(self, tenant_id: str, key: ContactKey) -> CallerContext | None:
        """Return what is there, without waiting; `stale` says whether it should be read again."""
        entry = self._entries.get((tenant_id, key))
        if entry is None:
            metrics.CACHE_ANSWERS.labels("missing").inc()
            return None
        fresh = self._is_fresh(entry)
        metrics.CACHE_ANSWERS.labels("fresh" if fresh else "stale").inc()
        return entry.context if fresh else replace(entry.context, stale=True)

    async def get(self, tenant_id: str, key: ContactKey) -> CallerContext:
        """Return a fresh context, read where needed; many who ask for one at once cause one read."""
        name = (tenant_id, key)
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            entry = self._entries.get(name)
            if entry is not None and self._is_fresh(entry):
                return entry.context
            # Taken before the read: a change while it runs makes what it brings stale.
            read_at = self._clock()
            context = await self._load(tenant_id, key)
            keys = {key, *(context.contact.keys if context.contact else ())}
            self._entries[name] = _Entry(context, read_at, frozenset((tenant_id, each) for each in keys))
            return context

    def touch(self, tenant_id: str, keys: Iterable[ContactKey]) -> None:
        """Note that the contact of these names changed: what was read before is stale."""
        now = self._clock()
        for key in keys:
            self._touched[tenant_id, key] = now

    def _is_fresh(self, entry: _Entry) -> bool:
        if self._clock() - entry.read_at >= self._window_s:
            return False
        return all(self._touched.get(name, -1.0) < entry.read_at for name in entry.names)
