"""Fills the cache at the service's start: from disk what is there, by the engine what is not."""

import asyncio
import time
from collections.abc import Iterable, Iterator

from mesh import logs
from mesh.errors import MeshError
from services.tts.cache.disk import DiskCache
from services.tts.cache.memory import SpeechKey, speech_key
from services.tts.cache.synthesizer import CachedSynthesizer
from services.tts.model import Delivery
from services.tts.voices import choose_voice

_log = logs.get_logger(__name__)
# After each sentence the engine rests for so many times as long as it took: a quarter of one core at most.
_RESTS = 3
_LONGEST_REST_S = 2.0


def spoken_as_asked(engine: CachedSynthesizer, voice: str) -> Iterator[tuple[str, Delivery]]:
    """Yield the fixed sentences, each as a call speaks it that asks for no voice, rate or pitch.

    Args:
        engine: who speaks.
        voice: the voice to take for the languages it speaks; empty: each language's own.

    A language that no voice speaks is left out.
    """
    for language, texts in engine.fixed.by_language.items():
        try:
            chosen = choose_voice(engine, name="", language=language, preferred=voice)
        except MeshError as error:
            _log.info("tts.cache_language_left_out", language=language, reason=error.message)
            continue
        for text in texts:
            yield text, Delivery(chosen)


class Warmer:
    """Brings sentences into memory, and onto the disk, behind all calls.

    It stops when the memory is full: what is there stays. An engine or a disk that fails is named in the log, and
    the service goes on without.
    """

    def __init__(
        self,
        engine: CachedSynthesizer,
        disk: DiskCache | None,
        sentences: Iterable[tuple[str, Delivery]],
    ) -> None:
        self._engine = engine
        self._memory = engine.memory
        self._disk = disk
        self._sentences = {speech_key(text, delivery): (text, delivery) for text, delivery in sentences}
        self._loaded: set[SpeechKey] = set()

    async def run(self) -> None:
        """Fill the cache, then return."""
        # All that is on disk first: it costs little, and shows which files are in use before room is made.
        for key in self._sentences:
            await self._load(key)
        missing = [key for key in self._sentences if key not in self._loaded]
        made = 0
        try:
            for key in missing:
                if not await self._make(key):
                    _log.warning(
                        "tts.cache_full", sentences=len(self._sentences), advice="raise VOICEMESH_TTS_CACHE_MB"
                    )
                    break
                made += 1
        except MeshError as error:
            _log.warning("tts.cache_engine_failed", error=error.message)
        _log.info("tts.cache_warm", sentences=len(self._sentences), loaded=len(self._loaded), made=made)

    async def _load(self, key: SpeechKey) -> None:
        if self._disk is None or not key.revision:
            return
        try:
            speech = await asyncio.to_thread(self._disk.load, key)
        except OSError as error:
            self._without_disk(error)
            return
        if speech is not None and self._memory.put(key, speech, make_room=False):
            self._loaded.add(key)

    async def _make(self, key: SpeechKey) -> bool:
        """Make a sentence that is not on disk, or take what a call has made meanwhile; False: no room for it."""
        began = time.perf_counter()
        speech = self._memory.get(key)
        if speech is None:
            speech = await self._engine.prepare(*self._sentences[key])
        if not self._memory.put(key, speech, make_room=False):
            return False
        if self._disk is not None and key.revision and speech:
            try:
                await asyncio.to_thread(self._disk.store, key, speech)
            except OSError as error:
                self._without_disk(error)
        await asyncio.sleep(min(_RESTS * (time.perf_counter() - began), _LONGEST_REST_S))
        return True

    def _without_disk(self, error: OSError) -> None:
        _log.warning("tts.cache_disk_failed", error=str(error))
        self._disk = None
