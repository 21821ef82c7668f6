"""Spoken text made regular: lower case, number words as digits, every character traceable to the original."""

import bisect
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from text_to_num import find_numbers

from services.nlu.entities.grammar import Speech, grammar_of

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:st|nd|rd|th)?|\s+|.", re.IGNORECASE | re.DOTALL)

_Idle = tuple[int, int, str]
"""Beginning and end of a stretch of the original that means nothing, and what stands in its place."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the original text, in lower case, with its place there."""

    text: str
    start: int
    end: int

    @property
    def spoken(self) -> str:
        """The word as a number reader wants it."""
        return straight(self.text)


class _NumberToken:
    """A token for text2num."""

    def __init__(self, text: str, *, apart: bool, no_number: bool) -> None:
        self._text = text
        self._apart = apart
        self._no_number = no_number

    def text(self) -> str:
        return self._text

    def nt_separated(self, _: object) -> bool:
        return self._apart

    def not_a_number_part(self) -> bool:
        return self._no_number


def straight(text: str) -> str:
    """Return a text with typographic apostrophes made plain."""
    return text.replace("\u2019", "'")


def lowered(text: str) -> str:
    """Return a text in lower case with straight quotes, every character in its place."""
    lower = text.lower()
    if len(lower) != len(text):  # some capitals have two characters in lower case
        lower = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    return straight(lower)


class SpokenText:
    """A text and its canonical form.

    Attributes:
        raw: the text as it came.
        language: BCP 47 tag of its language.
        canonical: in lower case, number words written as digits ("twenty fourth" is "24th"), straight quotes, without
            fillers ("uh"), words said twice ("the the") and words broken off ("tues- tuesday").
        words: the words of the text.
        hesitations: places in the canonical text where a filler stood between words.
        memory: what readers found in it, for each other.
        said: those of them that mean something: no fillers, none said twice.
    """

    def __init__(self, raw: str, language: str = "en") -> None:
        self.raw = raw
        self.language = language
        self.memory: dict[Hashable, Any] = {}
        self._speech = grammar_of(language).speech
        tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(raw)]
        self.words = tuple(Word(t.lower(), a, b) for t, a, b in tokens if t[0].isalnum())
        idle = _idle(lowered(raw), self._speech)
        self._idle = idle
        self.said = tuple(word for word in self.words if not any(a <= word.start < b for a, b, _ in idle))
        pieces = self._numbers() | {start: (between, end) for start, end, between in idle}
        canonical: list[str] = []
        fillers = {start for start, _, between in idle if between}
        hesitations: list[int] = []
        self._starts: list[int] = []
        self._sources: list[tuple[int, int]] = []
        length = at = 0
        for token, start, end in tokens:
            if start < at:
                continue
            piece, at = pieces.get(start) or (self._respelled(straight(token.lower())), end)
            if len(piece) == 0:
                continue
            if start in fillers:
                hesitations.append(length)
            self._starts.append(length)
            self._sources.append((start, at))
            canonical.append(piece)
            length += len(piece)
        self.canonical = "".join(canonical)
        self.hesitations = tuple(hesitations)

    def _respelled(self, word: str) -> str:
        other = self._speech.respelled.get(word, word)
        return other if len(other) == len(word) else word

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of a stretch of the canonical text; a number counts as a whole."""
        first = bisect.bisect_right(self._starts, start) - 1
        last = bisect.bisect_right(self._starts, max(end - 1, start)) - 1
        return self._place(first, start)[0], self._place(last, end)[1]

    def canonical_place(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the canonical text of a stretch of the original that begins and ends with words."""
        begins = [source for source, _ in self._sources]
        first = bisect.bisect_right(begins, start) - 1
        last = bisect.bisect_right(begins, max(end - 1, start)) - 1
        following = self._starts[last + 1] if last + 1 < len(self._starts) else len(self.canonical)
        return self._starts[first], following

    def _place(self, index: int, at: int) -> tuple[int, int]:
        start, end = self._sources[index]
        length = (self._starts[index + 1] if index + 1 < len(self._starts) else len(self.canonical)) - self._starts[
            index
        ]
        if length != end - start:  # a number: its digits have no places of their own
            return start, end
        offset = at - self._starts[index]
        return start + offset, start + offset

    def gap(self, start: int, end: int) -> str:
        """Return what stands in a stretch of the original, without what means nothing."""
        between = [(a, b) for a, b, _ in self._idle if start <= a and b <= end]
        return self.raw[start : between[0][0]] + self.raw[between[-1][1] : end] if between else self.raw[start:end]

    def _numbers(self) -> dict[int, tuple[str, int]]:
        if not self._speech.numbers:
            return {}
        words = self.said
        tokens = [
            _NumberToken(
                self._speech.respelled.get(word.spoken, word.spoken),
                apart=index > 0 and (self._broken(words[index - 1].end, word.start) or self._dictated(words, index)),
                no_number=word.spoken in self._speech.no_numbers
                and (index == 0 or f"{words[index - 1].spoken} {word.spoken}" not in self._speech.pairs),
            )
            for index, word in enumerate(words)
        ]
        found = find_numbers(tokens, self._speech.numbers, threshold=0)
        return {
            words[n.start].start: (n.text, words[n.end - 1].end)
            for n in found
            if any(word.text[0].isalpha() for word in words[n.start : n.end])
        }

    def _dictated(self, words: Sequence[Word], index: int) -> bool:
        """Say whether a word begins anew: "eight hundred, five five five", "double zero, nine hundred"."""
        if index > 1 and words[index - 2].spoken in self._speech.repeats:
            return True
        if words[index - 1].spoken not in self._speech.hundreds:
            return False
        row = [word.spoken for word in words[index : index + 3]]
        return len(row) == 3 and all(word in self._speech.digits for word in row)

    def _broken(self, start: int, end: int) -> bool:
        """Say whether more than a space or hyphen stands between two words: then they are no one number."""
        return self.gap(start, end).strip(" -\u2010\u2011") != ""


def _idle(text: str, speech: Speech) -> list[_Idle]:
    """Return the stretches that mean nothing, in their order, and what stands in their place."""
    if not speech.fillers:
        return []
    return [(m.start(), m.end(), _between(m, text)) for m in _idle_pattern(speech).finditer(text)]


def _between(match: re.Match[str], text: str) -> str:
    """Return what separates the words around a stretch: nothing where it begins or ends the text or a word follows."""
    if match.start() == 0 or match.end() == len(text) or match.group()[0].isalnum():
        return ""
    return "" if text[match.end()] in ".?!;:" else " "


@lru_cache(maxsize=16)
def _idle_pattern(speech: Speech) -> re.Pattern[str]:
    pause = r"(?:[\s,\u2026\u2014-]|\.\.+)"
    filler = rf"(?<![\w'-])(?:{speech.fillers})(?![\w'])(?!-\w)"
    return re.compile(
        rf"(?:{pause}{{1,8}}|^)(?:{filler}{pause}{{0,8}})+"
        rf"|\b(?P<twice>{speech.stutters})\b(?:{pause}|{filler})+(?=(?P=twice)\b)"
        rf"|(?<![\w'-])(?P<again>[^\W\d_]{{2,}}(?:[ -][^\W\d_]{{2,}})?)[ ,]{{1,2}}(?=(?P=again) (?:{speech.counted})\b)"
        rf"|\b(?P<broken>[a-z]{{1,6}})-[\s,]+(?=(?P=broken)[a-z])"
    )
