"""From a computation on a thread to an async stream of what it finds."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from mesh.errors import ErrorReason, MeshError

T = TypeVar("T")

Emit = Callable[[T | None], bool]
"""Hands an item over, from the thread (None: nothing yet); answers whether anybody still wants more."""


class StreamingThreads(Generic[T]):
    """Runs computations that give out items as they go, each on one of a few threads.

    At most `max_waiting` computations wait for a thread; one more is refused with OVERLOADED. What a computation
    gave out and its reader did not take yet is kept, for a thread must not wait for a slow reader: give it work
    whose whole output is small.
    """

    def __init__(self, workers: int, max_waiting: int, *, name: str) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._limit = workers + max_waiting
        self._in_progress = 0
        self._lock = threading.Lock()

    async def stream(self, compute: Callable[[Emit[T]], None]) -> AsyncGenerator[T, None]:
        """Yield what `compute(emit)` emits; closing the generator makes `emit` answer no.

        Raises:
            MeshError: OVERLOADED when too many wait already.
        """
        self._enter()
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[T | None] = asyncio.Queue()  # holds one computation's output at most
        closed = threading.Event()

        def emit(item: T | None) -> bool:
            if item is not None and not closed.is_set():
                loop.call_soon_threadsafe(items.put_nowait, item)
            return not closed.is_set()

        def leave(_: Future[None]) -> None:
            with self._lock:
                self._in_progress -= 1
            if not closed.is_set():
                loop.call_soon_threadsafe(items.put_nowait, None)

        future = self._pool.submit(compute, emit)
        future.add_done_callback(leave)
        try:
            while (item := await items.get()) is not None:
                yield item
            future.result()
        finally:
            closed.set()
            future.cancel()

    async def close(self) -> None:
        """Wait for what runs and drop what waits."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _enter(self) -> None:
        with self._lock:
            if self._in_progress >= self._limit:
                raise MeshError(
                    ErrorReason.ERROR_REASON_OVERLOADED,
                    "too many sentences wait to be spoken; try again in a moment",
                    retry_after_s=0.5,
                    metadata={"limit": str(self._limit), "in_progress": str(self._in_progress)},
                )
            self._in_progress += 1
