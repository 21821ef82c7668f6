"""Rows of digits in a text, written or read aloud: "555-0123", "five five five, oh one two three", "double four"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.dialogue.adapters.personal.words import LETTERS, TENS, TIMES, UNITS, WHOLE

_TOKEN = re.compile(r"[+(]*\d[\d.,:/()\u2013-]*\d\)?|[+(]*\d\)?|[^\W\d_]+(?:['\u2019][^\W\d_]+)?", re.UNICODE)
# A date, a clock time, an amount: no row of digits, however many it has.
_OTHER = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}:\d{2}(?::\d{2})?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|"
    r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+[.,]\d{1,2}"
)
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_JOINS = re.compile(r"[\s,.;()\u2013/-]*\+?[\s(]*")
_SAID_JOINS = frozenset({"dash", "hyphen", "space", "slash", "guion", "guión", "espacio", "uh", "um", "er", "eh"})
_AMOUNT = re.compile(r"[$€£¥]\s*$")
_UNIT = re.compile(
    r"^\s*(?:[$€£¥%]|percent|dollars?|euros?|pounds?|bucks|por ciento|pesos|libras|dólares)", re.IGNORECASE
)

_HUNDREDS = {word: int(digits) for word, digits in WHOLE.items() if len(digits) == 3} | {"ciento": 100}
_UNIT_WORDS, _REST_WORDS = "|".join(UNITS), "|".join([*UNITS, *TENS, *(w for w in WHOLE if w not in _HUNDREDS)])
_GROUP_OF_FOUR = re.compile(
    rf"(?:(?P<thousands>{_UNIT_WORDS}) (?:thousand|mil)|mil) (?:(?P<en>{_UNIT_WORDS}) hundred|"
    rf"(?P<es>{'|'.join(_HUNDREDS)}))\b"
    rf"(?P<rest>(?: and)?(?: (?:{'|'.join(TENS)}) (?:y )?(?:{_UNIT_WORDS})\b| (?:{_REST_WORDS})\b)?)"
)


@dataclass
class Row:
    """A row of digits and where it stands: `text[start:end]`."""

    start: int
    end: int
    digits: str
    before: str = ""
    """A single letter right before it, as an identity number may have."""
    after: str = ""
    """A single letter right behind it."""
    before_start: int = -1
    after_end: int = -1
    groups: list[int] = field(default_factory=list)
    """How many digits each of its words has."""


@dataclass(frozen=True)
class _Word:
    start: int
    end: int
    text: str

    @property
    def lower(self) -> str:
        return self.text.lower()


def rows(text: str) -> Iterator[Row]:
    """Yield the rows of digits of a text, in their order; amounts, dates and clock times are none."""
    words = [_Word(match.start(), match.end(), match.group()) for match in _TOKEN.finditer(text)]
    place = 0
    while place < len(words):
        row, place = _row(text, words, place)
        if row is not None and not _is_amount(text, row):
            yield row


def _row(text: str, words: list[_Word], place: int) -> tuple[Row | None, int]:
    """Read the row that begins at a word; None where none does. Also return where to read on."""
    digits, behind = _digits(words, place)
    if not digits:
        return None, place + 1
    row = Row(words[place].start, words[behind - 1].end, digits, groups=[len(digits)])
    _letter_before(text, words, place, row)
    while behind < len(words):
        following = behind + (words[behind].lower in _SAID_JOINS)
        if following >= len(words) or not _adjoin(text, words[behind - 1], words[behind]):
            break
        more, next_behind = _digits(words, following)
        if not more:
            break
        row.digits += more
        row.groups.append(len(more))
        row.end = words[next_behind - 1].end
        behind = next_behind
    if behind < len(words):
        letter = LETTERS.get(words[behind].lower, "")
        if letter and _adjoin(text, words[behind - 1], words[behind]):
            row.after, row.after_end = letter, words[behind].end
    return row, behind


def _letter_before(text: str, words: list[_Word], place: int, row: Row) -> None:
    if place and _adjoin(text, words[place - 1], words[place]):
        row.before = LETTERS.get(words[place - 1].lower, "")
        row.before_start = words[place - 1].start if row.before else -1


def _digits(words: list[_Word], place: int) -> tuple[str, int]:
    """Return the digits that a word, with what belongs to it, stands for, and the place behind; "": none."""
    word = words[place].lower
    if word[0] in "+(0123456789":
        number = word.strip("()")
        if _OTHER.fullmatch(number) and not _is_national(number):
            return "", place
        return "".join(c for c in word if c.isdigit()), place + 1
    if word in TIMES:
        return _times(words, place)
    if word in UNITS or word == "mil":
        return _unit(words, place)
    if word in TENS:
        return _tens(words, place)
    return WHOLE.get(word, ""), place + 1


def _times(words: list[_Word], place: int) -> tuple[str, int]:
    following = words[place + 1].lower if place + 1 < len(words) else ""
    digit = UNITS.get(following, following if len(following) == 1 and following.isdigit() else "")
    return digit * TIMES[words[place].lower], place + 2


def _unit(words: list[_Word], place: int) -> tuple[str, int]:
    """A digit; "eight hundred" before single digits is one of a telephone number, elsewhere part of an amount.

    "Four thousand one hundred eleven" is how some read a card's first four.
    """
    group = _GROUP_OF_FOUR.match(" ".join(word.lower for word in words[place : place + 8]))
    if group:
        return _four(group), place + len(group[0].split())
    digit = UNITS.get(words[place].lower, "")
    behind = [word.lower for word in words[place + 1 : place + 4]]
    if behind and behind[0] == "hundred":
        if len(behind) > 2 and all(word in UNITS or word.isdigit() for word in behind[1:]):
            return f"{digit}00", place + 2
        return "", place
    return ("", place) if behind and behind[0] in {"thousand", "million", "mil", "millones"} else (digit, place + 1)


def _four(group: re.Match[str]) -> str:
    """Return the digits of a number from 1100 to 9999 in words."""
    said = [word for word in group["rest"].split() if word not in {"and", "y"}]
    rest = sum(int(UNITS.get(word) or WHOLE.get(word) or TENS[word] * 10) for word in said)
    hundreds = int(UNITS[group["en"]]) * 100 if group["en"] else _HUNDREDS[group["es"]]
    return str(int(UNITS[group["thousands"] or "uno"]) * 1000 + hundreds + rest)


def _tens(words: list[_Word], place: int) -> tuple[str, int]:
    tens = TENS[words[place].lower]
    behind = place + 1
    if behind < len(words) and words[behind].lower == "y":
        behind += 1
    unit = UNITS.get(words[behind].lower, "") if behind < len(words) else ""
    if unit and unit != "0":
        return f"{tens}{unit}", behind + 1
    return f"{tens}0", place + 1


def _is_national(number: str) -> bool:
    """Whether digits between points are an identity or telephone number: "12.345.678", as it is written in Spain."""
    return bool(_GROUPED.fullmatch(number)) and len(number.replace(".", "")) in {8, 9}


def _adjoin(text: str, first: _Word, second: _Word) -> bool:
    return bool(_JOINS.fullmatch(text[first.end : second.start]))


def _is_amount(text: str, row: Row) -> bool:
    return bool(_AMOUNT.search(text[: row.start]) or _UNIT.search(text[row.end :]))
