"""Deadlines travel with the call: an outgoing call has what is left of the incoming one."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import grpc

_deadline: ContextVar[float | None] = ContextVar("voicemesh_deadline", default=None)


def set_deadline(monotonic_s: float) -> None:
    """Note when the call in progress must have ended, on time.monotonic()."""
    _deadline.set(monotonic_s)


def remaining_s() -> float | None:
    """Return the seconds left of the call in progress; None outside a call."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _with_deadline(details: Any) -> Any:
    left = remaining_s()
    if left is None:
        return details
    timeout = left if details.timeout is None else min(left, details.timeout)
    return grpc.aio.ClientCallDetails(
        details.method, timeout, details.metadata, details.credentials, details.wait_for_ready
    )


class UnaryDeadline(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives unary calls the rest of the incoming deadline."""

    async def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """Shorten the call's timeout."""
        return await continuation(_with_deadline(details), request)
