"""The domain: what is heard, what comes of it, and what an engine must do. Knows no transport and no vendor."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from voicemesh.common.v1.audio_pb2 import AudioFormat

    Samples = NDArray[np.float32]
    """Mono audio at ``SAMPLE_RATE_HZ`` in [-1, 1], shape ``(samples,)``."""

SAMPLE_RATE_HZ = 16_000
"""The rate at which everything behind the decoder works."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, punctuation included, and where it lies.

    Times are seconds: from the first sample given to the engine in a ``Recognition``, on the audio clock in a
    ``Transcript``. ``confidence`` is the probability that the word is right, 0 to 1, or None when unknown.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an engine makes of a stretch of audio; an empty text when it finds no words."""

    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None


@runtime_checkable
class Recognizer(Protocol):
    """An engine: the beginning of an utterance, or all of it, to words.

    ``transcribe`` blocks and is called from several threads at once, never from the event loop. It is given the
    utterance from its first sample each time, so that an engine needs no state between calls.
    """

    @property
    def name(self) -> str:
        """The engine's name, as in its entry point."""
        ...

    @property
    def model(self) -> str:
        """The model it has loaded."""
        ...

    @property
    def languages(self) -> Sequence[str]:
        """BCP 47 tags; "en" covers "en-US" and the like."""
        ...

    def transcribe(self, samples: Samples, *, phrases: Sequence[str], language: str, want_words: bool) -> Recognition:
        """Return what ``samples`` say.

        ``phrases`` are likely words, which an engine may ignore. ``language`` is the caller's BCP 47 tag.
        Without ``want_words`` the words may be left out. Any exception ends the stream with ENGINE_FAILED.
        """
        ...


@runtime_checkable
class Utterance(Protocol):
    """One utterance at an ``IncrementalRecognizer``."""

    def transcribe(self, samples: Samples, *, phrases: Sequence[str], language: str, want_words: bool) -> Recognition:
        """As ``Recognizer.transcribe``; ``samples`` begins with all that earlier calls were given."""
        ...

    def close(self) -> None:
        """Let go of what the utterance holds; called once, after the last ``transcribe``."""
        ...


@runtime_checkable
class IncrementalRecognizer(Recognizer, Protocol):
    """An engine that rather takes audio as it comes, such as a vendor's streaming API.

    The service calls ``begin`` once for each utterance and then asks what that returns.
    """

    def begin(self) -> Utterance:
        """Return the engine's side of a new utterance; called from a thread, like ``transcribe``."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance, or of its beginning; times in seconds on the audio clock."""

    utterance: int
    text: str
    words: tuple[Word, ...]
    start_s: float
    end_s: float
    language: str
    compute_s: float
    confidence: float | None = None
    stability: float | None = None
    """The share of its words that the transcript sent before said already; 1 of a final one; None: it is the first."""
    is_final: bool = False
    is_speculative: bool = False
    speaker: str = ""
    """Who is heard, as the client names them."""


class ActivityKind(Enum):
    """What the caller's voice did."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Activity:
    """A change in the caller's voice; ``at_s`` is on the audio clock."""

    kind: ActivityKind
    at_s: float
    utterance: int


@dataclass(frozen=True, slots=True)
class Endpointing:
    """When an utterance counts as ended; all in seconds."""

    speculate_after_s: float = 0.1
    silence_s: float = 0.48
    max_utterance_s: float = 20.0
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Configure:
    """How a stream is to be recognised."""

    audio_format: AudioFormat
    language: str
    endpointing: Endpointing
    silence_timeout_s: float
    interim_results: bool = False
    phrases: tuple[str, ...] = field(default=(), repr=False)
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Audio:
    """Bytes in the configured format."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finalize:
    """Ends the utterance in progress: now, or once its pause has lasted."""

    pause_s: float | None = None
    """The pause that was judged, by its place on the audio clock; void once speech has gone on. None: any."""
    silence_s: float = 0.0
    """Silence the pause has to last."""


@dataclass(frozen=True, slots=True)
class EndOfAudio:
    """The caller finished."""


Request = Configure | Audio | Finalize | EndOfAudio
Answer = Transcript | Activity


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, its number on the stream and how much audio had been taken in, in seconds."""

    sequence: int
    audio_offset_s: float
    answer: Answer
