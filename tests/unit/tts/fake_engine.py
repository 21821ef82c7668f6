"""An engine whose speech the test lets out by hand."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from services.tts.model import Delivery, SpeechChunk, Voice, WordTime

VOICE = Voice("fake", "fake", ("en-US", "en"), 8_000, ("en",), revision="1")


class FakeSynthesizer:
    """Gives a second of audio a word, another each time. With `gated`, each word waits for `let_one_out`."""

    name = "fake"
    voices: Sequence[Voice] = (VOICE,)

    def __init__(self, *, gated: bool = False) -> None:
        self.texts: list[str] = []
        self.words = 0
        self.closed = 0
        self.failure: Exception | None = None
        self._gate = asyncio.Semaphore(0) if gated else None

    def let_one_out(self) -> None:
        assert self._gate is not None
        self._gate.release()

    def find(self, name: str) -> Voice | None:
        return VOICE if name == VOICE.name else None

    async def synthesize(self, text: str, delivery: Delivery) -> AsyncGenerator[SpeechChunk, None]:
        self.texts.append(text)
        level = 0.2 + len(self.texts) / 1_000
        try:
            for place, word in enumerate(text.split()):
                if self._gate is not None:
                    await self._gate.acquire()
                if self.failure is not None:
                    raise self.failure
                self.words += 1
                yield SpeechChunk(np.full(8_000, level, np.float32), (WordTime(word, place, place + 1.0),))
        finally:
            self.closed += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
