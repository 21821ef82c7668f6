"""Cancellation that the NATS client must not lose."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(call: Awaitable[T]) -> T:
    """Await a call of the NATS client so that a cancellation ends the task.

    The client swallows one that comes while it flushes, and `asyncio.wait_for` of Python 3.11 one that comes with the
    answer. The task would go on for ever, and the service that cancelled it would wait for it for ever. Not for
    clean-up after a cancellation: there every call would raise.

    Raises:
        asyncio.CancelledError: when the task is to end, whatever the call returned or raised.
    """
    try:
        return await call
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
