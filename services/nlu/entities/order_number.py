"""Order numbers: "A four five one two", "A4512", "order number 7 3 3 1"."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.nlu.entities.digits import Dictation
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_ALPHABET = """
    alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa
    quebec romeo sierra tango uniform victor whiskey xray yankee zulu
"""
SPELLING = tuple(_ALPHABET.split())
"""The ICAO spelling alphabet: a word stands for its first letter."""


@dataclass(frozen=True, slots=True)
class OrderWords:
    """How order numbers are told; all patterns are for canonical text.

    Attributes:
        spelled_as: pattern of what stands between a letter and a word with it: "as in|for".
        letter_sounds: what recognisers write for a letter before digits: {"be": "B"}.
        doubtful_sounds: those of them that are likelier no letter.
        order_cue: pattern of what announces an order number.
        number_cue: pattern of what announces any number, to the number itself.
        phone_cue: pattern of what announces a number of another kind.
        quantity: pattern of units behind a number: then it counts something.
        articles: letters with the space behind them that are words too: "a ".
        scales: words for large numbers; an article before them is no letter: "a hundred and twenty".
    """

    spelled_as: str
    letter_sounds: Mapping[str, str]
    doubtful_sounds: frozenset[str]
    order_cue: str
    number_cue: str
    phone_cue: str
    quantity: str
    scales: tuple[str, ...] = ()
    articles: frozenset[str] = frozenset()


class OrderNumberReader:
    """Finds order numbers of the domain's form; a value is in upper case, without spaces: "A4512".

    Digits alone count where an order number is expected or named ("order number 7 3 3 1").
    """

    def __init__(self, dictation: Dictation, words: OrderWords) -> None:
        self._dictation = dictation
        self._words = words
        spelled = rf"(?: (?:{words.spelled_as}) [^\W\d_]+,?)?"
        letter = rf"(?:(?<![a-z'])[a-z](?![a-z']){spelled}|(?:{'|'.join(SPELLING)}))"
        self._letter_piece = re.compile(rf"\b{letter}")
        self._number = re.compile(
            rf"(?<![\w$€£.:/-])(?P<letters>(?:{letter}[ ,-]{{0,2}}){{0,3}})(?P<chain>{dictation.loose_chain})"
            r"(?![:/]\d)(?!(?<=\d)[a-z])"
        )
        self._heard = re.compile(rf"\b({'|'.join(words.letter_sounds)}),? $")
        self._order_cue = re.compile(rf"\b(?:{words.order_cue})\b[^.?!]{{0,20}}$")
        self._number_cue = re.compile(words.number_cue)
        self._phone_cue = re.compile(rf"\b(?:{words.phone_cue})\b[^.?!]{{0,20}}$")
        self._quantity = re.compile(rf"^ ?(?:{words.quantity})")

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find order numbers."""
        form = re.compile(context.order_number_pattern)
        for match in self._number.finditer(text.canonical):
            begin, _ = text.source(match.start("chain"), match.end("chain"))
            counted = match["letters"] and text.raw[begin:].lower().startswith(self._words.scales)
            if not counted and not self._quantity.search(text.canonical[match.end() :]):
                yield from self._judged(match, text.canonical, form, expected="order_number" in context.expected)

    def _judged(
        self, match: re.Match[str], canonical: str, form: re.Pattern[str], *, expected: bool
    ) -> Iterator[Found]:
        digits = self._dictation.digits(match["chain"])
        start, letters = self._fitting_letters(match, digits, form)
        if start is None:
            return
        cue = self._cue_confidence(canonical[: match.start()])
        lettered = letters and not self._article(match, canonical)
        confidence = max(cue, 0.9 if lettered else 0.0, 0.75 if expected else 0.0)
        if self._dictation.guessed(match["chain"]):
            confidence = confidence - 0.15 if cue or expected else 0.0
        if confidence <= 0:
            return
        heard = self._heard.search(canonical[:start]) if not letters and (cue or expected) else None
        sound = self._words.letter_sounds[heard[1]] if heard else ""
        if heard is None or not form.fullmatch(sound + digits):
            yield Found("order_number", start, match.end(), letters + digits, confidence)
        else:  # "order number be nine oh two seven": ask whether the letter was meant
            readings = [sound + digits, digits]
            likelier, other = reversed(readings) if heard[1] in self._words.doubtful_sounds else readings
            yield Found("order_number", heard.start(), match.end(), likelier, confidence - 0.05, (other,))

    def _article(self, match: re.Match[str], canonical: str) -> bool:
        """Say whether the only letter may be an article before a whole number, "a 2012 model", or a zero."""
        if self._dictation.zero(match["letters"].strip(" ,-")):
            return True
        return match["letters"] in self._words.articles and canonical[match.start("chain") : match.end()].isdigit()

    def _fitting_letters(self, match: re.Match[str], digits: str, form: re.Pattern[str]) -> tuple[int | None, str]:
        """Return where the number begins and its letters: as many of those before the digits as its form allows."""
        pieces = list(self._letter_piece.finditer(match["letters"]))
        for skipped in range(len(pieces) + 1):
            letters = "".join(piece.group()[0] for piece in pieces[skipped:]).upper()
            if form.fullmatch(letters + digits):
                first = match.start() + pieces[skipped].start() if letters else match.start("chain")
                return first, letters
        return None, ""

    def _cue_confidence(self, before: str) -> float:
        if self._phone_cue.search(before):
            return 0.0
        if self._order_cue.search(before):
            return 0.93
        return 0.65 if self._number_cue.search(before) else 0.0
