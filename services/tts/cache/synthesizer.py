"""An engine with a memory for fixed sentences."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from types import TracebackType
from typing import Self

from services.tts import metrics
from services.tts.cache.fixed import FixedSentences
from services.tts.cache.memory import MemoryCache, Speech, kept, speech_key
from services.tts.model import Delivery, SpeechChunk, Synthesizer, Voice


class CachedSynthesizer:
    """Speaks fixed sentences from memory once they were spoken, in the same chunks; all others by the engine.

    A sentence is kept when it was spoken to its end. Entering and leaving the context is the engine's own.
    """

    def __init__(self, engine: Synthesizer, memory: MemoryCache, fixed: FixedSentences) -> None:
        self._engine = engine
        self.memory = memory
        self.fixed = fixed
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._engine.name

    @property
    def voices(self) -> Sequence[Voice]:
        """The engine's voices."""
        return self._engine.voices

    def find(self, name: str) -> Voice | None:
        """Return the engine's voice of that name."""
        return self._engine.find(name)

    async def synthesize(self, text: str, delivery: Delivery) -> AsyncGenerator[SpeechChunk, None]:
        """Speak one sentence.

        Raises:
            MeshError: what the engine raises; nothing when the sentence is there.
        """
        key = speech_key(text, delivery) if text in self.fixed else None
        known = self.memory.get(key) if key is not None else None
        self._count("passed" if key is None else "miss" if known is None else "hit")
        if known is not None:
            for chunk in known:
                yield chunk
                await asyncio.sleep(0)  # as from an engine: other streams have their turns in between
            return
        chunks = []
        with self._calling():
            async with contextlib.aclosing(self._engine.synthesize(text, delivery)) as speech:
                async for chunk in speech:
                    if key is not None:
                        chunks.append(kept(chunk))
                    yield chunk
        if key is not None:
            self.memory.put(key, tuple(chunks))

    async def prepare(self, text: str, delivery: Delivery) -> Speech:
        """Return a sentence's speech, made while no call wants the engine.

        When a call comes in between, the engine is stopped at its next chunk and begins anew later: a call waits
        for no more than a chunk.

        Raises:
            MeshError: what the engine raises.
        """
        while True:
            await self._idle.wait()
            chunks = []
            async with contextlib.aclosing(self._engine.synthesize(text, delivery)) as speech:
                async for chunk in speech:
                    chunks.append(kept(chunk))
                    if not self._idle.is_set():
                        break
                else:
                    return tuple(chunks)

    async def __aenter__(self) -> Self:
        await self._engine.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.__aexit__(kind, error, trace)

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        """Note that a call wants the engine."""
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    def _count(self, result: str) -> None:
        metrics.CACHE_SENTENCES.labels(self._engine.name, result).inc()
