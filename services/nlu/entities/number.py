"""Plain numbers."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NUMBER = re.compile(r"(?<![\w.,/:$€£-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:]|[.,]\d)")

_SCALE = re.compile(r" (1000(?:000){0,3})\b")


class NumberReader:
    """Finds numbers; a value is a plain decimal. `pronouns`, "one", count only where a number is expected."""

    def __init__(self, *, pronouns: frozenset[str]) -> None:
        self._pronouns = pronouns

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find numbers."""
        expected = "number" in context.expected
        for match in _NUMBER.finditer(text.canonical):
            start, end = text.source(match.start(), match.end())
            if text.raw[start:end].lower() in self._pronouns and not expected:
                continue
            value, end = match.group().replace(",", ""), match.end()
            scale = _SCALE.match(text.canonical, end) if "." in value else None
            if scale:  # "two point five million"
                value, end = f"{(Decimal(value) * int(scale[1])).normalize():f}", scale.end()
            yield Found("number", match.start(), end, value, 0.6)
