"""Words of the domain's own lists: services, products, kinds of issues."""

import re
from collections.abc import Iterator
from functools import lru_cache

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText


def read_gazetteers(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find the words of the domain's lists; the longest words win, plurals count."""
    for kind, values in context.gazetteers.items():
        listed = tuple((value, tuple(words)) for value, words in values.items())
        pattern, meaning = _compiled(listed, text.language)
        for match in pattern.finditer(text.canonical):
            value = meaning[_key(match["word"])]
            yield Found(kind, match.start(), match.end(), value, 0.95)


@lru_cache(maxsize=256)
def _compiled(values: tuple[tuple[str, tuple[str, ...]], ...], language: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of all the words as canonical text has them, the longest first, and the value of each."""
    meaning = {
        _key(SpokenText(word, language).canonical): value
        for value, words in values
        for word in (*words, value.replace("_", " "))
    }
    longest_first = sorted(meaning, key=len, reverse=True)
    alternatives = "|".join(r"[\s-]+".join(re.escape(part) for part in key.split(" ")) for key in longest_first)
    return re.compile(rf"\b(?P<word>{alternatives})(?:s|es)?\b"), meaning


def _key(word: str) -> str:
    return re.sub(r"[\s-]+", " ", word.lower())
