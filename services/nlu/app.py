"""The composition root: the only place that builds and wires."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from voicemesh.nlu.v1 import nlu_service_pb2, nlu_service_pb2_grpc

from mesh.engines import load_engine
from mesh.executor import InferenceExecutor
from services.nlu.handlers import Understanding
from services.nlu.model import NluEngine, ParseRequest
from services.nlu.servicer import NluServicer

if TYPE_CHECKING:
    from mesh.serving import Runtime
    from services.nlu.config import NluSettings

_GROUP = "voicemesh.nlu.engines"


async def build(settings: NluSettings, runtime: Runtime) -> None:
    """Load the engine, warm it up and serve."""
    executor = await runtime.stack.enter_async_context(
        InferenceExecutor(settings.nlu_workers, settings.nlu_max_waiting, name="nlu")
    )
    engine = await asyncio.to_thread(load, settings)
    runtime.stack.callback(engine.close)
    # What is loaded stays: the collector need not walk through it while a caller waits.
    gc.collect()
    gc.freeze()
    runtime.stack.callback(gc.unfreeze)
    runtime.add_servicer(
        nlu_service_pb2_grpc.add_NluServiceServicer_to_server,
        NluServicer(Understanding(engine, executor)),
        nlu_service_pb2.DESCRIPTOR.services_by_name["NluService"],
    )


def load(settings: NluSettings) -> NluEngine:
    """Return the chosen engine, warm: no caller waits for a first run's preparations. Blocks.

    Raises:
        ConfigError: when the engine or a domain's files cannot be used.
    """
    engine: NluEngine = load_engine(_GROUP, settings.nlu_engine)(settings)
    for info in engine.domains().values():
        for language in info.languages:
            engine.parse(ParseRequest("hello", info.name, language, datetime.now(UTC)))
    return engine
