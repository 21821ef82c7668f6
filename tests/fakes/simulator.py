"""The simulated business system, served over real HTTP from within a test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvicorn

from services.crm_gateway.simulator.app import application
from services.crm_gateway.simulator.model import Faults, System


@dataclass
class Simulated:
    """A running simulator: what it holds, and where it is asked."""

    system: System
    url: str


@contextlib.asynccontextmanager
async def simulator(faults: Faults | None = None, *, idempotent: bool = False) -> AsyncIterator[Simulated]:
    """Serve it on a free port of loopback."""
    system = System(faults or Faults(), idempotent=idempotent)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(system), log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    # The process's signals are the test's own.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        try:
            yield Simulated(system, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
