"""Serving a bidirectional stream from one task tree that reads, works and sends at once."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

Send = Callable[[T], Awaitable[None]]
"""Sends one message; waits while the client reads slowly."""

_END = object()


async def respond(run: Callable[[Send[T]], Awaitable[None]], *, capacity: int = 64) -> AsyncGenerator[T, None]:
    """Yield what `run(send)` sends, until it returns.

    `run` lives in one task, cancelled when the iterator is closed; use a TaskGroup inside it. Its errors are
    raised here once all it sent before was yielded. The queue between holds `capacity` messages; when it is
    full `send` waits. A client that does not read at all is ended by the server (`stall_limit_s`), which
    closes the iterator.
    """
    queue: asyncio.Queue[object] = asyncio.Queue(capacity)

    def wake(_: object) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # when full, the reader is not asleep
            queue.put_nowait(_END)

    # The one task outside a TaskGroup: a generator cannot yield inside one.
    task = asyncio.get_running_loop().create_task(_run(run, queue.put))
    task.add_done_callback(wake)
    try:
        while not (task.done() and queue.empty()):
            message = await queue.get()
            if message is not _END:
                yield message  # type: ignore[misc]
        await task
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _run(run: Callable[[Send[T]], Awaitable[None]], send: Send[T]) -> None:
    await run(send)
