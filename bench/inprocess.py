"""The same services in one process without gRPC: what is left of the callers' wait is not the mesh's own cost.

Every message is handed over as the object it is: no serialisation, no HTTP/2, no other process, no interceptors.
Run by turns.py; on its own it prints the turns of the corpus as JSON.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
from corpus import corpus
from rows import Row, rows_of

from mesh.config import ServiceSettings
from services.asr.app import build as build_asr
from services.asr.config import AsrSettings
from services.consent.app import build as build_consent
from services.consent.config import ConsentSettings
from services.crm_gateway.app import build as build_crm
from services.crm_gateway.config import CrmSettings
from services.dialogue.app import build as build_dialogue
from services.dialogue.config import DialogueSettings
from services.nlu.app import build as build_nlu
from services.nlu.config import NluSettings
from services.tts.app import build as build_tts
from services.tts.config import TtsSettings
from voicemesh_cli.caller import CallOptions, load_recording, place_call
from voicemesh_cli.launcher.broker import broker
from voicemesh_cli.launcher.options import LaunchOptions
from voicemesh_client.targets import Channels

SERVICES: tuple[tuple[Callable[[Any, Any], Awaitable[None]], type[ServiceSettings]], ...] = (
    (build_asr, AsrSettings),
    (build_nlu, NluSettings),
    (build_tts, TtsSettings),
    (build_consent, ConsentSettings),
    (build_crm, CrmSettings),
    (build_dialogue, DialogueSettings),
)
TARGETS = {f"{name}_target": "127.0.0.1:1" for name in ("asr", "nlu", "tts", "crm", "consent")}
"""Named because the dialogue asks for them; nothing is ever connected to."""


class Call:
    """A call in this process, with the side of it that a client of grpc.aio sees."""

    def __init__(self, behavior: Any, tasks: asyncio.TaskGroup, requests: Any) -> None:
        self._requests: asyncio.Queue[Any] = asyncio.Queue(16)
        self._responses: asyncio.Queue[Any] = asyncio.Queue(16)
        self._serving = tasks.create_task(self._serve(behavior, requests or self._written()))

    async def write(self, request: Any) -> None:
        """Hand a message over."""
        await self._requests.put(request)

    async def done_writing(self) -> None:
        """No more messages come."""
        await self._requests.put(grpc.aio.EOF)

    async def read(self) -> Any:
        """Return the next response, or EOF."""
        return await self._responses.get()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self.read()) is not grpc.aio.EOF:
            yield response

    def cancel(self) -> bool:
        """End the call."""
        return self._serving.cancel()

    async def code(self) -> grpc.StatusCode:
        """Return how it ended."""
        await asyncio.wait([self._serving])
        return grpc.StatusCode.CANCELLED if self._serving.cancelled() else grpc.StatusCode.OK

    async def _written(self) -> AsyncIterator[Any]:
        while (request := await self._requests.get()) is not grpc.aio.EOF:
            yield request

    async def _serve(self, behavior: Any, requests: Any) -> None:
        async with contextlib.aclosing(behavior(requests, None)) as responses:
            async for response in responses:
                await self._responses.put(response)
        await self._responses.put(grpc.aio.EOF)


class Registry:
    """Server, channel and pool at once: all that the services register is called where it is."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Take nothing: the registered ones are the same."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Remember a service's methods."""
        self._handlers.update({f"/{service}/{name}": handler for name, handler in handlers.items()})

    def stream_stream(self, path: str, **_: Any) -> Any:
        """Return what opens a stream."""

        def opened(requests: Any = None, **_: Any) -> Call:
            return Call(self._handlers[path].stream_stream, self._tasks, requests)

        return opened

    def unary_unary(self, path: str, **_: Any) -> Any:
        """Return what makes a unary call."""

        async def called(request: Any, **_: Any) -> Any:
            return await self._handlers[path].unary_unary(request, None)

        return called

    def channel(self, *_: str) -> "Registry":
        """Return itself: there is one instance of everything."""
        return self

    @contextlib.contextmanager
    def using(self, *_: str) -> Any:
        """Lend itself."""
        yield self

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class InProcess:
    """The runtime that a service's `build` is given."""

    settings: ServiceSettings
    registry: Registry
    stack: contextlib.AsyncExitStack
    tasks: asyncio.TaskGroup
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    instance: str = "in-process"

    def add_servicer(self, add_to_server: Callable[[Any, Any], None], servicer: object, _: Any) -> None:
        """Register a service's methods."""
        add_to_server(servicer, self.registry)

    async def connect(self, *_: str) -> Registry:
        """Return the pool of another service."""
        return self.registry


class _OverError(Exception):
    """Ends the services' tasks."""


@contextlib.asynccontextmanager
async def in_process(folder: Path) -> AsyncIterator[Registry]:
    """Run all services in this event loop; calls go to the registry."""
    async with broker(LaunchOptions(state_dir=folder)) as (_, nats_url), contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.TaskGroup() as tasks:
                registry = Registry(tasks)
                for build, settings_class in SERVICES:
                    settings = settings_class(state_dir=folder, nats_url=nats_url, **TARGETS)
                    await build(settings, InProcess(settings, registry, stack, tasks))
                yield registry
                raise _OverError  # noqa: TRY301 - cancels the group's tasks
        except* _OverError:
            pass


async def measure() -> list[Row]:
    """Place the corpus's calls, one after another."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-bench-") as folder:
        async with in_process(Path(folder)) as registry:
            with mock.patch.object(Channels, "own", return_value=registry):
                for path, caller in corpus().items():
                    options = CallOptions(domain=caller.domain)
                    rows += rows_of(caller, await place_call(load_recording(path), "in-process:0", options))
    return rows


def main() -> None:
    """Measure and write the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the turns are written as JSON")
    out: Path = parser.parse_args().out
    out.write_text(json.dumps([row.__dict__ for row in asyncio.run(measure())], indent=2) + "\n")


if __name__ == "__main__":
    main()
