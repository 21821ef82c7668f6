"""Subtitles: two lines of at most 42 characters that can be read while they stand, broken where a reader would pause.

The limits are the usual ones of subtitling guides: 42 characters a line and two lines; 17 characters a second; from
5/6 of a second to 7 seconds on the screen; two film frames (1/12 s) between two subtitles where there is room.

The breaks of a run are found together: each subtitle costs something for where it ends, for pauses it bridges and for
being too fast or too short, and the cheapest division of all is taken (dynamic programming, as in Knuth and Plass,
"Breaking paragraphs into lines", 1981).
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from mesh.transcripts.placing import segment_of
from mesh.transcripts.writing import bare, breakable, ends_clause, ends_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.languages import Language
    from mesh.transcripts.model import Segment
    from mesh.transcripts.placing import Placed, Run

LINE_CHARACTERS = 42
LINES = 2
CHARACTERS_A_SECOND = 17.0
MIN_S = 5 / 6
MAX_S = 7.0
GAP_S = 1 / 12
# Costs, in units of one subtitle more.
_TORN = 10_000.0
_LONG_PAUSE_S = 1.0
_BRIDGED = 8.0
_ENDS_IN_MID_PHRASE = 6.0
_ENDS_AT_PAUSE = 2.0
_ENDS_AT_COMMA = 2.0
_ENDS_WITH_WEAK = 5.0
_ANOTHER = 3.0
_TOO_SHORT = 4.0
_PAUSE_S = 0.4


def subtitles(found: Sequence[Run], language: Language, duration_s: float | None) -> list[Segment]:
    """The subtitles of the runs, in the order of their beginnings.

    A number or name that is longer than a line is broken all the same, and a word longer than a line has one of its
    own. Speech that is too fast to be read stays as fast as it is where no room follows it. None ends after
    `duration_s`, the audio's length, unless its words do.
    """
    segments = [segment for run in found for segment in _Division(run, language).segments()]
    return _shown_long_enough(sorted(segments, key=lambda each: each.start_s), duration_s)


class _Division:
    """The cheapest division of one run's words into subtitles."""

    def __init__(self, run: Run, language: Language) -> None:
        self._run = run
        self._words: Sequence[Placed] = run.words
        self._texts = [placed.word.text for placed in run.words]
        self._language = language
        count = len(self._texts)
        # How many characters stand before each word, a space behind every one of them.
        self._places = [0, *itertools.accumulate(len(text) + 1 for text in self._texts)]
        # What a break before each word costs, the beginning and the end of the run costing nothing.
        self._breaks = [0.0, *(self._break_cost(index) for index in range(1, count)), 0.0]
        # What a line's end before each word costs.
        self._line_ends = [0.0, *(self._line_end_cost(index) for index in range(1, count)), 0.0]

    def segments(self) -> list[Segment]:
        """The subtitles, each with its line break."""
        count = len(self._texts)
        best = [0.0] + [float("inf")] * count
        came_from = [0] * (count + 1)
        for first in range(count):
            for last in range(first + 1, count + 1):
                line_cost = self._line_cost(first, last)
                if line_cost is None:
                    break
                cost = best[first] + line_cost + self._cost(first, last)
                if cost < best[last]:
                    best[last], came_from[last] = cost, first
        bounds = [count]
        while bounds[-1]:
            bounds.append(came_from[bounds[-1]])
        return [
            segment_of(self._words[first:last], self._run.speaker, text=self._text(first, last))
            for last, first in itertools.pairwise(bounds)
        ][::-1]

    def _cost(self, first: int, last: int) -> float:
        """What the subtitle of the words from `first` to before `last` costs, but for its lines."""
        start_s, end_s = self._words[first].start_s, self._words[last - 1].end_s
        next_s = self._words[last].start_s if last < len(self._words) else start_s + MAX_S
        room_s = max(min(next_s - start_s, MAX_S), end_s - start_s, 0.01)
        cost = _ANOTHER + self._breaks[last] + max(0.0, self._length(first, last) / room_s - CHARACTERS_A_SECOND)
        cost += _TOO_SHORT if room_s < MIN_S else 0.0
        cost += _TORN if end_s - start_s > MAX_S and last - first > 1 else 0.0
        return cost + sum(_BRIDGED for index in range(first + 1, last) if self._pause_s(index) >= _LONG_PAUSE_S)

    def _break_cost(self, index: int) -> float:
        text = self._texts[index - 1]
        if not breakable(self._texts, index, self._language):
            return _TORN
        if ends_sentence(text, self._language):
            return 0.0
        if ends_clause(text):
            return _ENDS_AT_COMMA
        cost = _ENDS_AT_PAUSE if self._pause_s(index) >= _PAUSE_S else _ENDS_IN_MID_PHRASE
        return cost + (_ENDS_WITH_WEAK if bare(text) in self._language.weak else 0.0)

    def _line_end_cost(self, index: int) -> float:
        if self._breaks[index] >= _TORN:
            return _TORN
        return self._breaks[index] / 2

    def _pause_s(self, index: int) -> float:
        return self._words[index].start_s - self._words[index - 1].end_s

    def _line_cost(self, first: int, last: int) -> float | None:
        """What the best line break costs; None where the words do not fit into two lines."""
        at = self._line_break(first, last)
        if at is None:
            return None
        return 0.0 if at == last else 0.5 + self._line_break_cost(first, at, last)

    def _line_break(self, first: int, last: int) -> int | None:
        """The word that begins the second line; `last` for a single line, None where two lines do not do."""
        if last - first == 1 or self._length(first, last) <= LINE_CHARACTERS:
            return last
        fitting = [at for at in range(first + 1, last) if self._fits(first, at) and self._fits(at, last)]
        return min(fitting, key=lambda at: self._line_break_cost(first, at, last), default=None)

    def _line_break_cost(self, first: int, at: int, last: int) -> float:
        """Lines of one length are best, else the second one longer."""
        difference = self._length(first, at) - self._length(at, last)
        return self._line_ends[at] + 0.05 * abs(difference) + (0.3 if difference > 0 else 0.0)

    def _fits(self, first: int, last: int) -> bool:
        return last - first == 1 or self._length(first, last) <= LINE_CHARACTERS

    def _length(self, first: int, last: int) -> int:
        return self._places[last] - self._places[first] - 1

    def _text(self, first: int, last: int) -> str:
        at = self._line_break(first, last)
        if at is None or at == last:
            return " ".join(self._texts[first:last])
        return f"{' '.join(self._texts[first:at])}\n{' '.join(self._texts[at:last])}"


def _shown_long_enough(segments: Sequence[Segment], duration_s: float | None) -> list[Segment]:
    """Subtitles stand until they can be read, as far as the next one lets them, and never longer than 7 seconds."""
    shown = []
    for index, segment in enumerate(segments):
        reading_s = max(MIN_S, len(segment.text) / CHARACTERS_A_SECOND)
        next_s = segments[index + 1].start_s if index + 1 < len(segments) else float("inf")
        limit_s = min(next_s - GAP_S, float("inf") if duration_s is None else duration_s)
        end_s = max(segment.end_s, min(segment.start_s + reading_s, limit_s))
        if segment.end_s <= next_s < segment.end_s + GAP_S and segment.end_s - segment.start_s > MIN_S + GAP_S:
            end_s = next_s - GAP_S
        shown.append(dataclasses.replace(segment, end_s=min(end_s, segment.start_s + MAX_S)))
    return shown
