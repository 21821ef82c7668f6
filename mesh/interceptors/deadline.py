"""No call without an end: the caller's deadline, or the server's own limit if that is earlier."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from mesh.deadline import set_deadline
from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.base import AroundInterceptor, Call

_ENDLESS = "/grpc.health.v1.Health/Watch"


class DeadlineInterceptor(AroundInterceptor):
    """Ends calls at their limit and lets outgoing calls inherit what is left."""

    def __init__(self, unary_limit_s: float, stream_limit_s: float) -> None:
        self._unary_limit_s = unary_limit_s
        self._stream_limit_s = stream_limit_s

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Hold the call to its limit."""
        if call.method == _ENDLESS:
            yield
            return
        limit = self._stream_limit_s if call.streaming else self._unary_limit_s
        left = call.context.time_remaining()
        limit = limit if left is None else min(limit, left)
        set_deadline(time.monotonic() + limit)
        timeout = asyncio.timeout(limit)
        try:
            async with timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise MeshError(
                ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                f"{call.name} took longer than {limit:.1f} s; ask for less at once or allow more time",
                metadata={"limit_s": f"{limit:.1f}"},
            ) from None
