"""The composition root of text to speech."""

import asyncio
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh.tts.v1 import tts_service_pb2
from voicemesh.tts.v1.tts_service_pb2_grpc import add_TtsServiceServicer_to_server

from mesh.config import ConfigError
from mesh.engines import load_engine
from mesh.runner import Runtime
from services.tts.cache.disk import DiskCache
from services.tts.cache.fixed import FixedSentences, read_fixed
from services.tts.cache.memory import MemoryCache
from services.tts.cache.synthesizer import CachedSynthesizer
from services.tts.cache.warming import Warmer, spoken_as_asked
from services.tts.config import TtsSettings
from services.tts.handlers import TextToSpeech
from services.tts.servicer import TtsServicer

if TYPE_CHECKING:
    from services.tts.model import Synthesizer

ENGINES = "voicemesh.tts.engines"
_MEGABYTE = 1_000_000


async def build(settings: TtsSettings, runtime: Runtime) -> None:
    """Wire the service into the runtime.

    Raises:
        ConfigError: the engine, the voice or the folder of domains is not there.
    """
    create = load_engine(ENGINES, settings.tts_engine)
    fixed = await asyncio.to_thread(_fixed_sentences, settings) if settings.tts_cache_mb else None
    # Loading reads dictionaries and models from disk.
    engine: Synthesizer = await asyncio.to_thread(create, settings)
    if fixed is not None:
        engine = CachedSynthesizer(engine, MemoryCache(settings.tts_cache_mb * _MEGABYTE), fixed)
    await runtime.stack.enter_async_context(engine)
    if settings.tts_voice and engine.find(settings.tts_voice) is None:
        names = ", ".join(voice.name for voice in engine.voices)
        raise ConfigError(
            f"VOICEMESH_TTS_VOICE={settings.tts_voice!r}: {engine.name} has no such voice; it has {names}"
        )
    if isinstance(engine, CachedSynthesizer):
        runtime.tasks.create_task(_warmer(engine, settings).run())
    runtime.add_servicer(
        add_TtsServiceServicer_to_server,
        TtsServicer(TextToSpeech(engine, settings)),
        tts_service_pb2.DESCRIPTOR.services_by_name["TtsService"],
    )


def _fixed_sentences(settings: TtsSettings) -> FixedSentences:
    folder = settings.domains_dir or Path(str(resources.files("voicemesh_domains")))
    if not folder.is_dir():
        raise ConfigError(f"VOICEMESH_DOMAINS_DIR={str(folder)!r}: there is no such folder")
    return read_fixed(folder)


def _warmer(engine: CachedSynthesizer, settings: TtsSettings) -> Warmer:
    disk_bytes = settings.tts_cache_disk_mb * _MEGABYTE
    disk = DiskCache(settings.cache_dir / "tts", disk_bytes) if disk_bytes else None
    return Warmer(engine, disk, spoken_as_asked(engine, settings.tts_voice))
