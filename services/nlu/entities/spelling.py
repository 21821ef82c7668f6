"""Letters one after another: "s m i t h", "B as in Bravo", "mike double l"."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_FEWEST = 3
_FEWEST_NAMED = 2
_SURE, _LIKELY = 0.92, 0.8


@dataclass(frozen=True, slots=True)
class LetterWords:
    """How letters are said; all patterns are for canonical text.

    Attributes:
        alphabet: the words of a spelling alphabet and their letters.
        sounds: what recognisers write for a letter, and the letter; they count among surer ones.
        spelled_as: pattern of what can only stand between a letter and a word with it: "as in".
        alike: pattern of other words there; they count where the word begins with the letter: "n like nancy".
        no_alike: letters that are words of their own before these: "i like it".
        repeats: words that repeat the letter behind them: {"double": 2}.
        cue: pattern of what announces letters.
        no_pairs: pairs of letters that mean something else: "pm".
    """

    alphabet: Mapping[str, str]
    sounds: Mapping[str, str]
    spelled_as: str
    repeats: Mapping[str, int]
    cue: str
    alike: str = "(?!)"
    no_alike: str = "(?!)"
    no_pairs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Spelled:
    """Letters and digits that were spelled, and where in the canonical text.

    Attributes:
        value: in upper case.
        others: other readings, where a letter and its word contradict each other.
        named: letters that came with a word or from an alphabet.
        worded: whether a letter came with a word.
        letters: how many letters there are; the rest are digits.
    """

    start: int
    end: int
    value: str
    others: tuple[str, ...]
    named: int
    worded: bool
    letters: int


class Letters:
    """Reads letters in one language."""

    def __init__(self, words: LetterWords) -> None:
        self._words = words
        alphabet, sounds = (_alternatives(each) for each in (words.alphabet, words.sounds))
        repeats = "|".join(words.repeats)
        doubled = rf"(?:{_alternatives({word: '' for word in words.sounds if ' ' in word})})\b"
        self._piece = re.compile(
            rf"(?:(?!{doubled})(?P<repeat>{repeats}) )?(?:(?P<said>(?<![^\W_'])[^\W\d_](?![^\W_'])|{sounds})"
            rf" (?:{words.spelled_as}) (?P<word>[^\W\d_]{{2,}})"
            rf"|(?!{words.no_alike})(?P<own>(?<![^\W_'])[^\W\d_]) (?:{words.alike}) (?P<same>(?P=own)[^\W\d_]+)"
            rf"|(?P<name>{alphabet})|(?P<letter>[^\W\d_](?![^\W_']))|(?P<digit>\d(?!\d|[.:,]\d|[a-z]))"
            rf"|(?P<sound>{sounds}))(?![^\W_'])"
        )
        self._guard = re.compile(
            rf"(?<![^\W_'])[^\W\d_](?![^\W_'])|\b(?:{alphabet})\b|\b(?:{words.spelled_as}|{words.alike})\b"
        )
        self._joint = re.compile(r"(?:, ?| - |[ -]|\. ?(?=[^\W\d_](?![^\W_])))")
        self._begin = re.compile(
            rf"(?<![\w'$€£.:/-])(?={self._piece.pattern.replace('?P<', '?P<_').replace('?P=', '?P=_')})"
        )

    def read(self, canonical: str, *, announced: Callable[[int], bool]) -> Iterator[Spelled]:
        """Return all that is spelled.

        Args:
            canonical: the text.
            announced: says whether a chain at a place was announced; sounds like "are" count as letters only there.
        """
        if not self._guard.search(canonical):
            return
        end = 0
        for begin in self._begin.finditer(canonical):
            if begin.start() >= end:
                spelled = self.chain(canonical, begin.start(), sounds=announced(begin.start()))
                if spelled is not None:
                    end = spelled.end
                    yield spelled

    def chain(self, canonical: str, at: int, *, sounds: bool) -> Spelled | None:
        """Return what is spelled at a place, if anything."""
        pieces: list[re.Match[str]] = []
        place = at
        while (piece := self._piece.match(canonical, place)) is not None:
            if piece["sound"] and not sounds:
                break
            pieces.append(piece)
            joint = self._joint.match(canonical, piece.end())
            if joint is None:
                break
            place = joint.end()
        while pieces and pieces[0]["sound"] and " " not in pieces[0]["sound"]:
            pieces.pop(0)
        while pieces and pieces[-1]["sound"] and not _between_letters(pieces):
            pieces.pop()
        return self._spelled(pieces) if pieces else None

    def _spelled(self, pieces: list[re.Match[str]]) -> Spelled | None:
        firm = sum(1 for piece in pieces if not piece["sound"] and not piece["digit"])
        if sum(1 for piece in pieces if piece["sound"]) > firm:
            return None
        values = [self._letter(piece) for piece in pieces]
        value = "".join(likelier for likelier, _ in values)
        other = "".join(second or likelier for likelier, second in values)
        return Spelled(
            start=pieces[0].start(),
            end=pieces[-1].end(),
            value=value,
            others=(other,) if other != value else (),
            named=sum(1 for piece in pieces if piece["word"] or piece["same"] or piece["name"]),
            worded=any(piece["word"] or piece["same"] for piece in pieces),
            letters=sum(1 for piece in pieces if not piece["digit"]),
        )

    def _letter(self, piece: re.Match[str]) -> tuple[str, str]:
        """Return a piece's letter and, where letter and word contradict each other, the less likely one."""
        times = self._words.repeats[piece["repeat"]] if piece["repeat"] else 1
        said = piece["said"] or ""
        letter = self._words.sounds.get(said, said)
        if piece["word"]:
            likelier = piece["word"][0].upper()
            return likelier * times, "" if letter.upper() == likelier else letter.upper() * times
        if piece["own"]:
            return piece["own"].upper() * times, ""
        name, sound = piece["name"], piece["sound"]
        plain = self._words.alphabet[name] if name else self._words.sounds[sound] if sound else piece["letter"]
        return (plain or piece["digit"]).upper() * times, ""


class SpellingReader:
    """Finds what is spelled; a value is in upper case: "SMITH".

    Three letters count anywhere; two with a word or an alphabet, where they are announced or expected; one where a
    word comes with it.
    """

    def __init__(self, letters: Letters, words: LetterWords) -> None:
        self._letters = letters
        self._cue = re.compile(rf"\b(?:{words.cue})\b[^.?!]{{0,25}}\Z")
        self._no_pairs = words.no_pairs

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find what is spelled."""
        expected = "spelling" in context.expected

        def announced(at: int) -> bool:
            return expected or self._cue.search(text.canonical, 0, at) is not None

        for spelled in self._letters.read(text.canonical, announced=announced):
            confidence = self._confidence(spelled, cued=announced(spelled.start))
            if confidence:
                yield Found("spelling", spelled.start, spelled.end, spelled.value, confidence, spelled.others)

    def _confidence(self, spelled: Spelled, *, cued: bool) -> float:
        if spelled.letters == 0 or (spelled.value.lower() in self._no_pairs and not spelled.named):
            return 0.0
        if spelled.named:
            if cued or spelled.named >= _FEWEST_NAMED or (spelled.worded and spelled.letters >= _FEWEST_NAMED):
                return _SURE
            return _LIKELY if spelled.worded or spelled.letters > _FEWEST else 0.0
        if spelled.letters >= _FEWEST:
            return _SURE if cued else _LIKELY
        return _LIKELY if cued and len(spelled.value) >= _FEWEST_NAMED else 0.0


def _alternatives(words: Mapping[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"


def _between_letters(pieces: list[re.Match[str]]) -> bool:
    """Say whether letters that are sure make up most of a chain, so that its last sound is one too."""
    firm = sum(1 for piece in pieces if piece["letter"] or piece["name"] or piece["word"] or piece["own"])
    return firm >= 3
