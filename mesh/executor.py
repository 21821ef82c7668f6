"""Inference leaves the event loop through here: a few threads, a bounded waiting line."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from mesh.errors import ErrorReason, MeshError

P = ParamSpec("P")
R = TypeVar("R")


class InferenceExecutor:
    """Runs blocking computations on `workers` threads.

    At most `max_waiting` computations wait for a thread; one more is refused with OVERLOADED, so that a
    crowd cannot spoil the calls in progress. A cancelled wait frees its place; a computation that has begun runs on.
    `run_spare` is for work that nobody waits for in a conversation: it takes one thread at most, and only a free one.
    """

    def __init__(self, workers: int, max_waiting: int, *, name: str = "inference") -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._workers = workers
        self._limit = workers + max_waiting
        self._in_progress = 0
        self._spare = asyncio.Lock()
        self._freed = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether a computation would begin at once."""
        return self._in_progress < self._workers

    @property
    def in_progress(self) -> int:
        """Computations that run or wait."""
        return self._in_progress

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `function(*args, **kwargs)`, computed on a thread.

        Raises:
            MeshError: OVERLOADED when too many wait already.
        """
        return await self.submit(function, *args, **kwargs)

    async def run_spare(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `function(*args, **kwargs)`, computed when a thread is free; one such computation at a time.

        It waits for as long as others need all threads. Cut long work into pieces: a piece that has begun is not
        interrupted.
        """
        async with self._spare:
            while not self.idle:
                self._freed.clear()
                await self._freed.wait()
            return await self.submit(function, *args, **kwargs)

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """Begin to compute `function(*args, **kwargs)`; return its future.

        Raises:
            MeshError: OVERLOADED when too many wait already.
        """
        if self._in_progress >= self._limit:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                "too many computations wait already; try again in a moment",
                retry_after_s=1.0,
                metadata={"limit": str(self._limit), "in_progress": str(self._in_progress)},
            )
        future = self._pool.submit(function, *args, **kwargs)
        self._in_progress += 1
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: self._done(loop))
        return asyncio.wrap_future(future)

    def _done(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._in_progress -= 1
        self._freed.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
