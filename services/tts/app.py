"""The composition root of text to speech."""

import asyncio
from typing import TYPE_CHECKING

from voicemesh.tts.v1 import tts_service_pb2
from voicemesh.tts.v1.tts_service_pb2_grpc import add_TtsServiceServicer_to_server

from mesh.config import ConfigError
from mesh.engines import load_engine
from mesh.runner import Runtime
from services.tts.config import TtsSettings
from services.tts.handlers import TextToSpeech
from services.tts.servicer import TtsServicer

if TYPE_CHECKING:
    from services.tts.model import Synthesizer

ENGINES = "voicemesh.tts.engines"


async def build(settings: TtsSettings, runtime: Runtime) -> None:
    """Wire the service into the runtime.

    Raises:
        ConfigError: the engine or the voice is not there.
    """
    create = load_engine(ENGINES, settings.tts_engine)
    # Loading reads dictionaries and models from disk.
    engine: Synthesizer = await runtime.stack.enter_async_context(await asyncio.to_thread(create, settings))
    if settings.tts_voice and engine.find(settings.tts_voice) is None:
        names = ", ".join(voice.name for voice in engine.voices)
        raise ConfigError(
            f"VOICEMESH_TTS_VOICE={settings.tts_voice!r}: {engine.name} has no such voice; it has {names}"
        )
    runtime.add_servicer(
        add_TtsServiceServicer_to_server,
        TtsServicer(TextToSpeech(engine, settings)),
        tts_service_pb2.DESCRIPTOR.services_by_name["TtsService"],
    )
