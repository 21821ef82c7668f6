"""The composition root: the only place that builds and wires."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np
from voicemesh.asr.v1 import asr_service_pb2, asr_service_pb2_grpc

from mesh.engines import load_engine
from mesh.executor import InferenceExecutor
from services.asr.detector import Detector
from services.asr.engine_room import EngineRoom
from services.asr.handlers import Recognition
from services.asr.load import Budget, Load
from services.asr.model import SAMPLE_RATE_HZ, Recognizer
from services.asr.servicer import AsrServicer
from services.asr.vad import VadModel

if TYPE_CHECKING:
    from mesh.serving import Runtime
    from services.asr.config import AsrSettings

_GROUP = "voicemesh.asr.engines"


async def build(settings: AsrSettings, runtime: Runtime) -> None:
    """Load the engine and the detector, warm them up and serve."""
    # A place for a partial and a final of every stream, so that a stream once taken in is not refused work.
    places = 2 * settings.asr_max_streams
    executor = await runtime.stack.enter_async_context(InferenceExecutor(settings.asr_workers, places, name="asr"))
    vad_executor = await runtime.stack.enter_async_context(
        InferenceExecutor(settings.asr_vad_workers, places, name="vad")
    )
    recognizer, vad = await asyncio.to_thread(load, settings)
    recognition = Recognition(
        EngineRoom(
            recognizer,
            executor,
            Detector(vad, vad_executor),
            Load(settings.asr_admit_wait_s, time.monotonic),
            Budget(settings.asr_partial_share, time.monotonic),
        ),
        max_streams=settings.asr_max_streams,
        partial_every_s=settings.asr_partial_every_s,
        config_timeout_s=settings.asr_silence_timeout_s,
    )
    runtime.add_servicer(
        asr_service_pb2_grpc.add_AsrServiceServicer_to_server,
        AsrServicer(recognition, settings),
        asr_service_pb2.DESCRIPTOR.services_by_name["AsrService"],
    )


def load(settings: AsrSettings) -> tuple[Recognizer, VadModel]:
    """Return the chosen engine and the detector; raises ``ConfigError`` when one cannot be had. Blocks."""
    recognizer: Recognizer = load_engine(_GROUP, settings.asr_engine)(settings)
    # The first run of a model allocates; no caller should wait for that.
    recognizer.transcribe(
        np.zeros(SAMPLE_RATE_HZ, np.float32), phrases=(), language=recognizer.languages[0], want_words=False
    )
    return recognizer, VadModel(settings.asr_vad_threads)
