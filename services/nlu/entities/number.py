"""Plain numbers."""

import re
from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NUMBER = re.compile(r"(?<![\w.,/:$€£-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:]|[.,]\d)")


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
            value = match.group().replace(",", "")
            yield Found("number", match.start(), match.end(), value, 0.6)
