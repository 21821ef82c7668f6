"""What speech synthesis is about, free of any vendor and transport."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can speak.

    Attributes:
        name: what a client asks for.
        engine: the engine that speaks with it.
        languages: BCP 47 tags, the voice's main language first.
        sample_rate_hz: the rate of its samples.
        default_for: the tags for which it is the one to take where no voice is named.
        revision: another one when the voice would say the same sentence differently, as after an update of its
            model; empty: not known, and then its speech is not kept on disk.
    """

    name: str
    engine: str
    languages: tuple[str, ...]
    sample_rate_hz: int
    default_for: tuple[str, ...] = ()
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How to speak.

    Attributes:
        voice: the voice.
        rate: speed, 1 being the voice's own.
        pitch_semitones: pitch from the voice's own.
    """

    voice: Voice
    rate: float = 1.0
    pitch_semitones: float = 0.0


@dataclass(frozen=True, slots=True)
class WordTime:
    """A word of the text and where it lies in the audio, in seconds from the audio's beginning."""

    text: str
    start_s: float
    end_s: float

    def shifted(self, by_s: float) -> "WordTime":
        """Return the word on a clock that began `by_s` seconds earlier."""
        return WordTime(self.text, self.start_s + by_s, self.end_s + by_s)


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A stretch of speech.

    Attributes:
        samples: mono float32 in [-1, 1], shape `(samples,)`, at the voice's rate; may be empty.
        words: words that begin in it or later, in the order in which they are spoken.
        cached: whether it was not made now, but comes from the cache.
    """

    samples: NDArray[np.float32]
    words: tuple[WordTime, ...] = ()
    cached: bool = False


class Synthesizer(Protocol):
    """An engine that speaks. An async context manager: leaving it frees its threads and models."""

    @property
    def name(self) -> str:
        """The engine's name, as it was configured."""
        ...

    @property
    def voices(self) -> Sequence[Voice]:
        """The voices it offers; never empty."""
        ...

    def find(self, name: str) -> Voice | None:
        """Return the voice of that name, also one that the list leaves out; None when there is none."""
        ...

    def synthesize(self, text: str, delivery: Delivery) -> AsyncGenerator[SpeechChunk, None]:
        """Speak one sentence; yield its audio in order, the first as early as the engine can.

        Word times count from the beginning of this text's audio, follow one another, and come with or before
        the audio they lie in. Closing the generator stops the synthesis and drops what was not yielded. What
        an engine holds ready for a slow reader is no more than the audio of this one text: keep it short.

        Raises:
            MeshError: OVERLOADED when too many texts wait for the engine, ENGINE_FAILED when it breaks.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
