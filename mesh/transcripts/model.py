"""What a transcript is: segments of words, each with its place in the audio. Times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word as it is written, its punctuation included.

    Times and confidence (0 to 1) are None where unknown. `heard` are the words as the recogniser heard them that this
    one stands for, itself among them; empty when it is written as it was heard.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float | None = None
    speaker: str = ""
    heard: tuple[Word, ...] = ()

    @property
    def as_heard(self) -> tuple[Word, ...]:
        """The words as heard behind this one."""
        return self.heard or (self,)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of one speaker's words; `speaker` is empty where unknown. `text` of a subtitle has its line break."""

    words: tuple[Word, ...]
    start_s: float
    end_s: float
    speaker: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """The transcript of one recording or call.

    `duration_s` is the audio's length, None where unknown. `removed` are segments of which a clean-up left nothing.
    `subtitles` says that the segments are to be shown as such.
    """

    source: str
    segments: tuple[Segment, ...]
    language: str = ""
    duration_s: float | None = None
    removed: tuple[Segment, ...] = ()
    subtitles: bool = False


def joined(words: Iterable[Word]) -> str:
    """Words as running text."""
    return " ".join(word.text for word in words)
