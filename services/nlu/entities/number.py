"""Plain numbers."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.digits import Dictation
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NUMBER = re.compile(r"(?<![\w.,/:$€£-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:]|[.,]\d)")

_SCALE = re.compile(r" (1000(?:000){0,3})\b")
_ROW = 3
"""As many digits one after another are one number."""


class NumberReader:
    """Finds numbers; a value is a plain decimal. Digits dictated one by one are one number: "double oh seven".

    Args:
        dictation: how digits are dictated.
        pronouns: number words that count only where a number is expected: "one".
        code: pattern of what announces digits to be written down as they are: "zip code".
        sign: pattern of what makes a number negative: "minus".
        no_number: pattern of what begins behind a number that is none: " de febrero".
        no_number_before: pattern of what ends before such a one: "february ".
    """

    def __init__(
        self,
        dictation: Dictation,
        *,
        pronouns: frozenset[str],
        code: str,
        sign: str,
        no_number: str = "(?!)",
        no_number_before: str = "(?!)",
    ) -> None:
        self._dictation = dictation
        self._pronouns = pronouns
        self._no_number, self._no_number_before = re.compile(no_number), re.compile(rf"(?:{no_number_before})$")
        self._sign = re.compile(rf"(?<![^\W_])(?:{sign}) $")
        self._row = re.compile(rf"(?<![\w.,/:$€£-]){dictation.chain}(?![\w/:]|[.,]\d)")
        self._code = re.compile(rf"\b(?:{code})\b[^.?!\d]{{0,12}}$")

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find numbers."""
        expected = "number" in context.expected
        for match in _NUMBER.finditer(text.canonical):
            start, end = text.source(match.start(), match.end())
            if text.raw[start:end].lower() in self._pronouns and not expected:
                continue
            if self._is_no_number(text.canonical, match):
                continue
            sign = self._sign.search(text.canonical, 0, match.start())
            value, end = match.group().replace(",", ""), match.end()
            scale = _SCALE.match(text.canonical, end) if "." in value else None
            if scale:  # "two point five million"
                value, end = f"{(Decimal(value) * int(scale[1])).normalize():f}", scale.end()
            if sign:
                yield Found("number", sign.start(), end, f"-{value}", 0.65)
            else:
                yield Found("number", match.start(), end, value, 0.6)
        yield from self._rows(text)

    def _is_no_number(self, canonical: str, match: re.Match[str]) -> bool:
        behind = self._no_number.match(canonical, match.end())
        return behind is not None or self._no_number_before.search(canonical, 0, match.start()) is not None

    def _rows(self, text: SpokenText) -> Iterator[Found]:
        """Find digits in a row, and the number that a word such as "zip code" announces."""
        for match in self._row.finditer(text.canonical):
            digits = self._dictation.digits(match.group())
            row = len(digits) >= _ROW and len(digits) > max(map(len, re.findall(r"\d+", match.group())), default=0)
            if self._code.search(text.canonical, 0, match.start()):
                yield Found("number", match.start(), match.end(), digits, 0.92)
            elif row and self._dictation.one_by_one(match.group()):
                yield Found("number", match.start(), match.end(), digits, 0.61)
