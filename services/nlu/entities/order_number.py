"""Order numbers: "A four five one two", "A4512", "order number 7 3 3 1"."""

import re
from collections.abc import Iterator

from services.nlu.entities.digits import LOOSE_CHAIN, digits_of, guessed
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_SPELLING = """
    alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa
    quebec romeo sierra tango uniform victor whiskey xray yankee zulu
"""
"""The ICAO spelling alphabet: a word stands for its first letter."""

_LETTER = rf"(?:(?<![a-z'])[a-z](?![a-z'])(?: (?:as in|for|like) [a-z]+,?)?|(?:{'|'.join(_SPELLING.split())}))"
_LETTER_SOUNDS = {
    "hey": "A",
    "eh": "A",
    "be": "B",
    "bee": "B",
    "see": "C",
    "sea": "C",
    "dee": "D",
    "gee": "G",
    "jay": "J",
}
_LETTER_SOUNDS |= {"kay": "K", "pea": "P", "tea": "T", "tee": "T", "why": "Y", "ex": "X", "the": "A"}
_HEARD_LETTER = re.compile(rf"\b({'|'.join(_LETTER_SOUNDS)}),? $")
"""What recognisers write for a letter before digits."""
_NUMBER = re.compile(
    rf"(?<![\w$€£.:/-])(?P<letters>(?:{_LETTER}[ ,-]{{0,2}}){{0,3}})(?P<chain>{LOOSE_CHAIN})(?![:/]\d)"
)
_LETTER_PIECE = re.compile(rf"\b{_LETTER}")
_ORDER_CUE = re.compile(r"\b(?:order|invoice|reference|confirmation|tracking|receipt)\b[^.?!]{0,20}$")
_NUMBER_CUE = re.compile(r"\b(?:number|no|id|code)\b[.:,#]?(?: (?:is|was|it's|would be))?[ :,#]*$")
_PHONE_CUE = re.compile(r"\b(?:phone|mobile|cell|telephone|card)\b[^.?!]{0,20}$")
_QUANTITY = re.compile(
    r"^ ?(?:dollars?|euros?|pounds?|cents?|bucks|percent|%|days?|weeks?|months?|years?|hours?|minutes?|items?|pieces?"
    r"|people|times|am\b|pm\b|a\.m|p\.m|o'clock)"
)


def read_order_numbers(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find order numbers of the domain's form; a value is in upper case, without spaces: "A4512".

    Digits alone count where an order number is expected or named ("order number 7 3 3 1").
    """
    form = re.compile(context.order_number_pattern)
    for match in _NUMBER.finditer(text.canonical):
        if _QUANTITY.search(text.canonical[match.end() :]):
            continue
        yield from _judged(match, text.canonical, form, expected="order_number" in context.expected)


def _judged(match: re.Match[str], canonical: str, form: re.Pattern[str], *, expected: bool) -> Iterator[Found]:
    digits = digits_of(match["chain"])
    start, letters = _fitting_letters(match, digits, form)
    if start is None:
        return
    cue = _cue_confidence(canonical[: match.start()])
    confidence = max(cue, 0.9 if letters else 0.0, 0.75 if expected else 0.0)
    if guessed(match["chain"]):
        confidence = confidence - 0.15 if cue or expected else 0.0
    if confidence <= 0:
        return
    heard = _HEARD_LETTER.search(canonical[:start]) if not letters and (cue or expected) else None
    if heard is None or not form.fullmatch(_LETTER_SOUNDS[heard[1]] + digits):
        yield Found("order_number", start, match.end(), letters + digits, confidence)
    else:  # "order number be nine oh two seven": ask whether the letter was meant
        readings = [_LETTER_SOUNDS[heard[1]] + digits, digits]
        likelier, other = reversed(readings) if heard[1] == "the" else readings
        yield Found("order_number", heard.start(), match.end(), likelier, confidence - 0.05, (other,))


def _fitting_letters(match: re.Match[str], digits: str, form: re.Pattern[str]) -> tuple[int | None, str]:
    """Return where the number begins and its letters: as many of those before the digits as its form allows."""
    pieces = list(_LETTER_PIECE.finditer(match["letters"]))
    for skipped in range(len(pieces) + 1):
        letters = "".join(piece.group()[0] for piece in pieces[skipped:]).upper()
        if form.fullmatch(letters + digits):
            first = match.start() + pieces[skipped].start() if letters else match.start("chain")
            return first, letters
    return None, ""


def _cue_confidence(before: str) -> float:
    if _PHONE_CUE.search(before):
        return 0.0
    if _ORDER_CUE.search(before):
        return 0.93
    return 0.65 if _NUMBER_CUE.search(before) else 0.0
