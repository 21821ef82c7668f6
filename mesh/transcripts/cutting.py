"""Cutting a transcript anew: lines as they stream, subtitles, paragraphs. No word is lost, none comes twice."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from mesh.transcripts.languages import language_of
from mesh.transcripts.placing import runs, segment_of
from mesh.transcripts.subtitles import subtitles
from mesh.transcripts.writing import ends_clause, ends_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mesh.transcripts.languages import Language
    from mesh.transcripts.model import Segment, Transcript
    from mesh.transcripts.placing import Placed

    # Whether a new segment begins before a word, given the words of the segment so far.
    Begins = Callable[[Sequence[Placed], Placed], bool]

LINE_CHARACTERS = 80
_LINE_PAUSE_S = 0.6
# A line this full ends at the next comma.
_LINE_FULL = 60
PARAGRAPH_PAUSE_S = 2.0
# A paragraph this long ends with its sentence.
_PARAGRAPH_CHARACTERS = 500


class Cut(enum.StrEnum):
    """How a transcript is divided: as it was heard, or anew."""

    UTTERANCES = "utterances"
    LINES = "lines"
    SUBTITLES = "subtitles"
    PARAGRAPHS = "paragraphs"


def cut(transcript: Transcript, how: Cut) -> Transcript:
    """The transcript in segments of another kind, in the order of their beginnings.

    A segment holds one speaker's words. Words without times are placed by their letters. Utterances are left alone.
    """
    if how is Cut.UTTERANCES:
        return transcript
    language = language_of(transcript.language)
    if how is Cut.SUBTITLES:
        segments = subtitles(runs(transcript), language, transcript.duration_s)
    elif how is Cut.LINES:
        segments = _divided(transcript, lambda line, word: _begins_line(line, word, language))
    else:
        segments = _divided(transcript, lambda words, word: _begins_paragraph(words, word, language))
    return dataclasses.replace(transcript, segments=tuple(segments), subtitles=how is Cut.SUBTITLES)


def _divided(transcript: Transcript, begins: Begins) -> list[Segment]:
    """Segments that are decided word by word and never taken back."""
    segments = []
    for run in runs(transcript):
        current = [run.words[0]]
        for placed in run.words[1:]:
            if begins(current, placed):
                segments.append(segment_of(current, run.speaker))
                current = []
            current.append(placed)
        segments.append(segment_of(current, run.speaker))
    return sorted(segments, key=lambda each: each.start_s)


def _begins_line(line: Sequence[Placed], word: Placed, language: Language) -> bool:
    """A line ends with its sentence, at a pause, at a comma when it is nearly full, and when it is full."""
    last = line[-1].word.text
    length = _length(line)
    return (
        ends_sentence(last, language)
        or word.start_s - line[-1].end_s >= _LINE_PAUSE_S
        or (length >= _LINE_FULL and ends_clause(last))
        or length + 1 + len(word.word.text) > LINE_CHARACTERS
    )


def _begins_paragraph(words: Sequence[Placed], word: Placed, language: Language) -> bool:
    """A paragraph ends at a long pause, and with its sentence when it has grown long."""
    if word.start_s - words[-1].end_s >= PARAGRAPH_PAUSE_S:
        return True
    return _length(words) >= _PARAGRAPH_CHARACTERS and ends_sentence(words[-1].word.text, language)


def _length(words: Sequence[Placed]) -> int:
    return sum(len(placed.word.text) + 1 for placed in words) - 1
