"""People's names as they are given: "my name is Sarah Miller", "this is John", or bare where one is expected."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText, Word

_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class NameWords:
    """How names are given in one language; all patterns are for canonical text.

    Attributes:
        strong_cue: ends directly before what can only be a name: "my name is ".
        weak_cue: ends directly before what may be a name: "this is ".
        sure: beginnings of weak cues that are surer than the others.
        titles: ends of weak cues that make them strong: "doctor ".
        opening: politeness and titles at a text's beginning.
        after: what stands behind a name that introduces itself: "speaking".
        particles: words that belong to names in lower case: "van".
        no_names: words that are no names.
        closing: words that may follow a bare name.
    """

    strong_cue: re.Pattern[str]
    weak_cue: re.Pattern[str]
    sure: tuple[str, ...]
    opening: re.Pattern[str]
    after: re.Pattern[str]
    particles: frozenset[str]
    no_names: frozenset[str]
    closing: frozenset[str]
    titles: tuple[str, ...] = ()


class PersonNameReader:
    """Finds names; a value is written with capitals: "Sarah Miller".

    After a strong cue ("my name is") any words that can be names count; after a weak one ("this is") and where a name
    is expected only what is written with capitals or begins with a common first name.
    """

    def __init__(self, words: NameWords) -> None:
        self._words = words

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find names."""
        words = self._words
        expected = "person_name" in context.expected
        for match in words.strong_cue.finditer(text.canonical):
            yield from self._named(text, context, match.end(), 0.95, strict=False)
        for match in words.weak_cue.finditer(text.canonical):
            confidence = 0.8 if expected or match.group().startswith(words.sure) else 0.6
            titled = bool(words.titles) and match.group().endswith(words.titles)
            yield from self._named(text, context, match.end(), confidence, strict=not titled)
        yield from self._introduced(text, context)
        if expected:
            opening = words.opening.match(text.canonical)
            yield from self._named(text, context, opening.end() if opening else 0, 0.75, strict=True, whole=True)

    def _named(
        self, text: SpokenText, context: Context, at: int, confidence: float, *, strict: bool, whole: bool = False
    ) -> Iterator[Found]:
        """Read a name at a place of the canonical text; `whole`: nothing but politeness may follow."""
        if at >= len(text.canonical):
            return
        source, _ = text.source(at, at + 1)
        words = self._run(text, [word for word in text.said if word.start >= source], context, strict=strict)
        if not words or (whole and not self._ends(text, words[-1])):
            return
        if strict and len(words) == 1 and words[0].text not in context.first_names:
            confidence -= 0.1
        yield self._found(text, words, confidence)

    def _introduced(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find "John Carter speaking", "Anna here" at the beginning."""
        match = self._words.opening.match(text.canonical)
        source, _ = text.source(match.end(), match.end() + 1) if match and match.end() < len(text.canonical) else (0, 0)
        words = self._run(text, [word for word in text.said if word.start >= source], context, strict=True)
        if words and self._words.after.match(text.raw[words[-1].end :].lower()):
            yield self._found(text, words, 0.85)

    def _run(self, text: SpokenText, words: Sequence[Word], context: Context, *, strict: bool) -> list[Word]:
        """Return the words from the first on that can be one name."""
        run: list[Word] = []
        for word in words[: _MOST_WORDS + 2]:
            apart = run and text.gap(run[-1].end, word.start).strip(" -.") != ""
            ended = run and "." in text.gap(run[-1].end, word.start) and len(run[-1].text) > 1
            if apart or ended or not self._can_be_name(text, word, context, first=not run, strict=strict):
                break
            run.append(word)
        while run and run[-1].text in self._words.particles:
            run.pop()
        return run[:_MOST_WORDS]

    def _can_be_name(self, text: SpokenText, word: Word, context: Context, *, first: bool, strict: bool) -> bool:
        if not word.text.replace("'", "").isalpha() or word.text in self._words.no_names:
            return False
        if word.text in context.first_names or (not first and word.text in self._words.particles):
            return True
        capital = text.raw[word.start].isupper()
        known = word.text in context.vocabulary
        if strict and first:
            # a sentence's first word is always written with a capital: the domain's own words are no names then
            return capital and not known
        return capital or not known

    def _ends(self, text: SpokenText, last: Word) -> bool:
        rest = [word.text for word in text.words if word.start >= last.end]
        return all(word in self._words.closing for word in rest)

    def _found(self, text: SpokenText, words: Sequence[Word], confidence: float) -> Found:
        start, end = text.canonical_place(words[0].start, words[-1].end)
        value = ""
        for index, word in enumerate(words):
            joint = "-" if index and text.gap(words[index - 1].end, word.start) == "-" else " "
            value += (joint if index else "") + self._capital(text.raw[word.start : word.end], first=index == 0)
        return Found("person_name", start, end, value, confidence)

    def _capital(self, word: str, *, first: bool) -> str:
        if not first and word.lower() in self._words.particles and word.islower():
            return word
        return word if any(letter.isupper() for letter in word) and not word.isupper() else word.capitalize()
