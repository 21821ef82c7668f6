"""Running a service in a test exactly as production does, on a free port."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from mesh.config import ServiceSettings
from mesh.serving import Runtime, Serving, serving

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


@contextlib.asynccontextmanager
async def serve(
    build: Callable[[SettingsT, Runtime], Awaitable[None]], settings: SettingsT, *, service: str = "test"
) -> AsyncIterator[Serving]:
    """Yield the running service; its `.address` is where it listens."""
    async with serving(settings, build, service) as ready:
        yield ready
