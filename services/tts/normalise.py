"""Writes what a phonemiser reads badly in words, and remembers which word of the text each part came from.

espeak-ng reads "$49.90" as "dollar forty-nine point nine zero", "A4512" as a number in the thousands, "10:00" as
"ten zero zero", and makes a pause after "Dr.". The rules here mend that for English; a text in another
language passes unchanged, for the words would be wrong.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.tts.sentences import speakable

_EDGES = ".,;:!?…。！？，、；：\"'“”‘’«»()[]{}<>*_–—-"  # noqa: RUF001 - typographic and wide marks are meant
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_CURRENCIES = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"),
    "USD": ("dollar", "cent"), "EUR": ("euro", "cent"), "GBP": ("pound", "penny"),
}  # fmt: skip
_ABBREVIATIONS = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Prof": "Professor", "Jr": "Junior",
    "Sr": "Senior", "vs": "versus", "e.g": "for example", "i.e": "that is", "etc": "et cetera",
    "approx": "approximately", "appt": "appointment", "dept": "department", "ext": "extension",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A text as it is spoken.

    Attributes:
        text: what the phonemiser reads.
        words: the words as they were written, without the punctuation around them.
        origins: for each character of `text` the index in `words` it came from; -1 between words.
    """

    text: str
    words: tuple[str, ...]
    origins: tuple[int, ...]

    def words_before(self, position: int) -> int:
        """Return how many of `words` are spoken before a character."""
        return 1 + max(self.origins[: max(position, 0)], default=-1)

    def word_at(self, position: int) -> int | None:
        """Return the index in `words` of what is spoken at a character; None where no word is."""
        if not 0 <= position < len(self.origins):
            return None
        origin = self.origins[position]
        return None if origin < 0 else origin


def normalise(text: str, language: str) -> SpokenText:
    """Return how `text` is spoken in a language (a BCP 47 tag).

    Words are the stretches between white space; what one rule reads as a whole ("+1 212 555 0123") is one word.
    """
    changes = _changes(text) if language.lower().split("-")[0] == "en" else []
    owners, words = _words(text, changes)
    spoken: list[str] = []
    origins: list[int] = []
    position = 0
    for start, end, replacement in changes:
        spoken += (text[position:start], replacement)
        origins += owners[position:start]
        origins += [owners[start]] * len(replacement)
        position = end
    spoken.append(text[position:])
    origins += owners[position:]
    return SpokenText("".join(spoken), tuple(words), tuple(origins))


_Change = tuple[int, int, str]


def _words(text: str, changes: list[_Change]) -> tuple[list[int], list[str]]:
    """Return each character's word and the words; a change over several makes them one."""
    joined = list(text)
    for start, end, _ in changes:
        joined[start:end] = "x" * (end - start)
    owners = [-1] * len(text)
    words: list[str] = []
    for match in re.finditer(r"\S+", "".join(joined)):
        written = text[match.start() : match.end()].strip(_EDGES)
        if speakable(written):
            owners[match.start() : match.end()] = [len(words)] * (match.end() - match.start())
            words.append(written)
    return owners, words


def _changes(text: str) -> list[_Change]:
    """Return what the rules change, in order; where two want the same place the earlier rule has it."""
    taken = [False] * len(text)
    changes: list[_Change] = []
    for pattern, speak in _RULES:
        for match in pattern.finditer(text):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
                changes.append((match.start(), match.end(), speak(match)))
    return sorted(changes)


def _spelled(characters: str) -> str:
    """Return letters and digits one by one; the letter A as "eh", which is read as its name, not as the article."""
    return " ".join("eh" if c in "Aa" else c for c in characters if c.isalnum())


def _code(match: re.Match[str]) -> str:
    return _spelled(match[0])


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    plus = "plus " if match[0].startswith("+") else ""
    # A comma is a short pause, as people make between the groups of a number.
    return plus + ", ".join(_spelled(group) for group in groups)


def _date(match: re.Match[str]) -> str:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {_ordinal(day)}, {year}"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    half = match[3] or ""
    if hour > 23 or minute > 59:
        return match[0]
    if not half and (hour > 12 or hour == 0):
        half = "a.m." if hour == 0 else "p.m."
        hour = hour % 12 or 12
    half = {"a": " a.m.", "p": " p.m."}.get(half[:1].lower(), "")
    if minute == 0:
        return f"{hour}{half}" if half else f"{hour} o'clock"
    return f"{hour} {'oh ' if minute < 10 else ''}{minute}{half}"


def _money(match: re.Match[str]) -> str:
    currency, whole, fraction = match["before"] or match["after"], match["whole"], match["fraction"]
    unit, small = _CURRENCIES[currency]
    cents = int(fraction) if fraction else 0
    count = int(whole.replace(",", ""))
    if match["scale"]:
        return f"{whole}{f' point {_spelled(fraction)}' if fraction else ''}{match['scale']} {unit}s"
    parts = []
    if count or not cents:
        parts.append(f"{whole} {unit}{'' if count == 1 else 's'}")
    if cents:
        many = "pence" if small == "penny" else f"{small}s"
        parts.append(f"{cents} {small if cents == 1 else many}")
    return " and ".join(parts)


def _abbreviation(match: re.Match[str]) -> str:
    return _ABBREVIATIONS[match[1]]


_AMOUNT = r"(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.(?P<fraction>\d\d))?(?P<scale> (?:thousand|million|billion)\b)?"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])"), _date),
    (
        re.compile(rf"(?<!\w)(?:(?P<before>[$€£])\s?)?{_AMOUNT}(?(before)|\s?(?P<after>USD|EUR|GBP|€|£))(?!\w)"),
        _money,
    ),
    (re.compile(r"(?<![\w:.])(\d{1,2}):(\d\d)(?:\s?([ap]\.m\.|[ap]m|[AP]M|[AP]\.M\.))?(?![\w:])"), _time),
    (re.compile(r"(?<![\w.])(?:\+\d[\d ()-]{6,}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|\d{7,})(?!\w)"), _phone),
    (re.compile(r"(?<![\w.-])[A-Z]{1,3}-?\d{2,}[A-Z\d]*(?![\w-])"), _code),
    (re.compile(r"#(?=\d)"), lambda _: "number "),
    (re.compile(r"(?<!\w)No\.\s?(?=\d)"), lambda _: "number "),
    (re.compile(rf"(?<![\w.])({'|'.join(re.escape(a) for a in _ABBREVIATIONS)})\.(?=\s|,|$)"), _abbreviation),
    (re.compile(r"(?<!\w)St\.(?=\s[A-Z])"), lambda _: "Saint"),
)
