"""The default engine: espeak-ng in this process. It speaks 100 languages, hundreds of times as fast as real time."""

import functools
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.tts.config import TtsSettings
from services.tts.engines.catalogue import NAME, catalogue, find_voice, preset
from services.tts.engines.espeak_library import WORDS_PER_MINUTE, Mark, espeak
from services.tts.engines.thread import Emit, StreamingThreads
from services.tts.engines.words import Place, WordTracker
from services.tts.model import Delivery, SpeechChunk, Voice
from services.tts.normalise import SpokenText, normalise


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

        Rates that would be slower than 80 or faster than 450 words a minute, and pitches more than ten
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
    scale = np.float32(chosen.gain / 32_768)

    def on_audio(samples: NDArray[np.int16], marks: Sequence[Mark]) -> bool:
        places = [place for mark in marks if (place := _place(mark, spoken)) is not None]
        return emit(tracker.feed(samples.astype(np.float32) * scale, places))

    slowest, fastest = WORDS_PER_MINUTE
    library.speak(
        spoken.text,
        chosen.voice,
        words_per_minute=min(max(round(chosen.words_per_minute * delivery.rate), slowest), fastest),
        semitones=delivery.pitch_semitones,
        on_audio=on_audio,
    )
    emit(tracker.finish())


def _place(mark: Mark, spoken: SpokenText) -> Place | None:
    if mark.ends_clause:
        return Place(mark.sample, spoken.words_before(mark.character), begins=False)
    word = spoken.word_at(mark.character)
    return None if word is None else Place(mark.sample, word)
