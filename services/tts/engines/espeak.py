"""The default engine: espeak-ng in this process. It speaks 100 languages, about 900 times as fast as real time."""

import functools
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.tts.config import TtsSettings
from services.tts.engines.catalogue import NAME, catalogue, find_voice, preset
from services.tts.engines.espeak_library import PITCH, WORDS_PER_MINUTE, Mark, espeak
from services.tts.engines.thread import Emit, StreamingThreads
from services.tts.engines.words import WordTracker
from services.tts.model import Delivery, SpeechChunk, Voice
from services.tts.normalise import normalise


def create(settings: TtsSettings) -> "EspeakSynthesizer":
    """Return the engine; the entry point `espeak` names this."""
    return EspeakSynthesizer(max_waiting=settings.tts_max_waiting)


class EspeakSynthesizer:
    """Speaks with espeak-ng on one thread of its own, for the library is one global state."""

    def __init__(self, *, max_waiting: int) -> None:
        self._threads: StreamingThreads[SpeechChunk] = StreamingThreads(1, max_waiting, name="espeak")
        self._voices = catalogue(espeak())
        self._variants = espeak().variants()

    @property
    def name(self) -> str:
        """The engine's name."""
        return NAME

    @property
    def voices(self) -> Sequence[Voice]:
        """The library's voices; each also takes a variant: `en-us+f3`."""
        return self._voices

    def find(self, name: str) -> Voice | None:
        """Return a voice by its name, with or without a variant."""
        return find_voice(name, self._voices, self._variants)

    def synthesize(self, text: str, delivery: Delivery) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a sentence; a chunk leaves as soon as a word of it is whole.

        Rates that would be slower than 80 or faster than 450 words a minute, and pitches more than twelve
        semitones off, are taken to those limits of the library.
        """
        return self._threads.stream(functools.partial(_speak, text, delivery))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._threads.close()


def _speak(text: str, delivery: Delivery, emit: Emit[SpeechChunk]) -> None:
    library = espeak()
    chosen = preset(delivery.voice.name)
    spoken = normalise(text, delivery.voice.languages[0])
    tracker = WordTracker(spoken.words, library.sample_rate_hz)

    def on_audio(samples: NDArray[np.int16], marks: Sequence[Mark]) -> bool:
        places = [(mark.sample, None if mark.character is None else spoken.word_at(mark.character)) for mark in marks]
        return emit(tracker.feed(samples.astype(np.float32) / np.float32(32_768), places))

    library.speak(
        spoken.text,
        chosen.voice,
        words_per_minute=_clamp(chosen.words_per_minute * delivery.rate, WORDS_PER_MINUTE),
        # The pitch parameter is exponential: 50 steps are an octave.
        pitch=_clamp(chosen.pitch + delivery.pitch_semitones * 50 / 12, PITCH),
        on_audio=on_audio,
    )
    emit(tracker.finish())


def _clamp(value: float, limits: tuple[int, int]) -> int:
    return min(max(round(value), limits[0]), limits[1])
