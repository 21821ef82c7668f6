"""Knows the calls whose handlers still run, clean-up included."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from mesh.interceptors.base import AroundInterceptor, Call


class InFlightInterceptor(AroundInterceptor):
    """Counts handlers: once grpc has cancelled a call it does not wait for what its handler still does."""

    def __init__(self) -> None:
        self.count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:  # noqa: ARG002 - all calls are alike
        """Count the call until nothing of it runs."""
        self.count += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.count -= 1
            if self.count == 0:
                self._idle.set()

    async def ended(self, within_s: float) -> bool:
        """Wait until no handler runs; False when some still do after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
