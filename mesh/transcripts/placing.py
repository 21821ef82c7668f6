"""Where words lie: every word gets a place, and the words of one speaker follow each other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.transcripts.model import Segment, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.model import Transcript, Word


@dataclass(frozen=True)
class Placed:
    """A word and its place in seconds; what was not known of it is estimated."""

    word: Word
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Run:
    """What one speaker says before another one does: at least one word, in order, none over another."""

    speaker: str
    words: tuple[Placed, ...]


def runs(transcript: Transcript) -> list[Run]:
    """The runs of a transcript in the order of their beginnings; segments without words are left out."""
    segments = sorted((segment for segment in transcript.segments if segment.words), key=lambda each: each.start_s)
    spoken_until: dict[str, float] = {}
    found: list[Run] = []
    for speaker, group in itertools.groupby(segments, key=lambda each: each.speaker):
        words = [placed for segment in group for placed in place(segment.words, segment.start_s, segment.end_s)]
        ordered = _in_order(words, spoken_until.get(speaker, 0.0))
        spoken_until[speaker] = ordered[-1].end_s
        found.append(Run(speaker, tuple(ordered)))
    return found


def place(words: Sequence[Word], start_s: float, end_s: float) -> list[Placed]:
    """Every word with a place.

    Neighbours without times share the room between the words around them, or the segment's bounds, in proportion to
    their letters.
    """
    placed: list[Placed] = []
    for known, group in itertools.groupby(words, key=_is_timed):
        members = list(group)
        if known:
            placed += [Placed(word, word.start_s or 0.0, word.end_s or 0.0) for word in members]
            continue
        from_s = placed[-1].end_s if placed else start_s
        behind = len(placed) + len(members)
        to_s = (words[behind].start_s or 0.0) if behind < len(words) else end_s
        placed += _shared(members, from_s, max(from_s, to_s))
    return placed


def segment_of(
    words: Sequence[Placed], speaker: str, *, text: str | None = None, end_s: float | None = None
) -> Segment:
    """A segment of one word or more; `text` and `end_s` where they are not the words' own."""
    own = tuple(placed.word for placed in words)
    return Segment(
        words=own,
        start_s=words[0].start_s,
        end_s=words[-1].end_s if end_s is None else end_s,
        speaker=speaker,
        text=joined(own) if text is None else text,
    )


def _is_timed(word: Word) -> bool:
    return word.start_s is not None and word.end_s is not None


def _shared(words: Sequence[Word], start_s: float, end_s: float) -> list[Placed]:
    lengths = [len(word.text) + 1 for word in words]
    bounds = [start_s + (end_s - start_s) * sum(lengths[:index]) / sum(lengths) for index in range(len(words))]
    return [Placed(word, *bound) for word, bound in zip(words, itertools.pairwise([*bounds, end_s]), strict=True)]


def _in_order(words: Sequence[Placed], from_s: float) -> list[Placed]:
    """The words with places that never go back, from `from_s` on: each ends where the next one begins at the latest."""
    starts = list(itertools.accumulate((placed.start_s for placed in words), max, initial=from_s))[1:]
    limits = [*starts[1:], max(starts[-1], words[-1].end_s)]
    return [
        Placed(placed.word, start_s, min(max(start_s, placed.end_s), limit_s))
        for placed, start_s, limit_s in zip(words, starts, limits, strict=True)
    ]
