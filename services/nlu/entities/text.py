"""Spoken text made regular: lower case, number words as digits, every character traceable to the original."""

import bisect
import re
from dataclasses import dataclass

from text_to_num import find_numbers

from services.nlu.entities.grammar import grammar_of

_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+(?:st|nd|rd|th)?|\s+|.", re.IGNORECASE | re.DOTALL)


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


class SpokenText:
    """A text and its canonical form.

    Attributes:
        raw: the text as it came.
        language: BCP 47 tag of its language.
        canonical: in lower case, number words written as digits ("twenty fourth" is "24th"), straight quotes.
        words: the words of the text.
    """

    def __init__(self, raw: str, language: str = "en") -> None:
        self.raw = raw
        self.language = language
        self._speech = grammar_of(language).speech
        tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(raw)]
        self.words = tuple(Word(t.lower(), a, b) for t, a, b in tokens if t[0].isalnum())
        numbers = self._numbers()
        pieces: list[str] = []
        self._starts: list[int] = []
        self._sources: list[tuple[int, int]] = []
        length = at = 0
        for token, start, end in tokens:
            if start < at:
                continue
            piece, at = numbers.get(start, (straight(token.lower()), end))
            if len(piece) == 0:
                continue
            self._starts.append(length)
            self._sources.append((start, at))
            pieces.append(piece)
            length += len(piece)
        self.canonical = "".join(pieces)

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

    def _numbers(self) -> dict[int, tuple[str, int]]:
        if not self._speech.numbers:
            return {}
        tokens = [
            _NumberToken(
                word.spoken,
                apart=index > 0 and self._broken(self.words[index - 1].end, word.start),
                no_number=word.spoken in self._speech.no_numbers,
            )
            for index, word in enumerate(self.words)
        ]
        found = find_numbers(tokens, self._speech.numbers, threshold=0)
        return {
            self.words[n.start].start: (n.text, self.words[n.end - 1].end)
            for n in found
            if any(word.text[0].isalpha() for word in self.words[n.start : n.end])
        }

    def _broken(self, start: int, end: int) -> bool:
        """Say whether more than a space or hyphen stands between two words: then they are no one number."""
        return self.raw[start:end].strip(" -\u2010\u2011") != ""
