"""A bounded queue that can be closed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - not an error: how a reader learns that nothing more will come
    """Nothing more will come out of the queue, or can be put into it."""


class ClosableQueue(Generic[T]):
    """A first-in first-out queue of at most `capacity` items that ends for both sides when it is closed.

    When it is full, `put` waits until there is room and `offer` says no. What was put in before the closing
    can still be taken out. `asyncio.Queue` learns to do this in Python 3.13 only.
    """

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = asyncio.Condition()
        self._closed = False
        self._discarding = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def put(self, item: T) -> None:
        """Puts an item in, waiting while the queue is full. Raises Closed when it is or becomes closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                raise Closed
            self._store(item)
            self._changed.notify_all()

    async def offer(self, item: T) -> bool:
        """Puts an item in if there is room, and says whether. Raises Closed when the queue is closed."""
        async with self._changed:
            if self._closed:
                raise Closed
            if not self._has_room():
                return False
            self._store(item)
            self._changed.notify_all()
            return True

    async def get(self) -> T:
        """Takes the oldest item out, waiting for one. Raises Closed when none will come any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._closed)
            if not self._items:
                raise Closed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    async def close(self) -> None:
        """Lets nothing more in; who waits in `put` or finds nothing in `get` is sent away."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def discard(self) -> None:
        """Forgets what is in the queue and from now on all that is put in: nobody will take it out."""
        async with self._changed:
            self._discarding = True
            self._items.clear()
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._discarding or len(self._items) < self._capacity

    def _store(self, item: T) -> None:
        if not self._discarding:
            self._items.append(item)
