"""Words of the domain's own lists: services, products, kinds of issues."""

import re
from collections.abc import Iterator, Mapping

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText
from services.nlu.folding import folded, unaccented

_Words = tuple[re.Pattern[str], dict[str, str]]
"""A pattern of all the words of a list, the longest first, and the value of each."""
_MOST = 256
_known: dict[tuple[int, str], tuple[Mapping[str, tuple[str, ...]], _Words]] = {}
"""By the list's identity: a domain's lists are read once and never change, and to compare them takes long."""


def read_gazetteers(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find the words of the domain's lists; the longest words win, plurals count, accents do not."""
    plain = _plain(text.canonical)
    for kind, values in context.gazetteers.items():
        pattern, meaning = _words(values, text.language)
        for match in pattern.finditer(plain):
            value = meaning[_key(match["word"])]
            yield Found(kind, match.start(), match.end(), value, 0.95)


def _words(values: Mapping[str, tuple[str, ...]], language: str) -> _Words:
    found = _known.get((id(values), language))
    if found is None or found[0] is not values:
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[id(values), language] = (values, _compiled(values, language))
    return found[1]


def _compiled(values: Mapping[str, tuple[str, ...]], language: str) -> _Words:
    meaning = {
        _key(SpokenText(word, language).canonical): value
        for value, words in values.items()
        for word in (*words, value.replace("_", " "))
    }
    longest_first = sorted(meaning, key=len, reverse=True)
    alternatives = "|".join(r"[\s-]+".join(re.escape(part) for part in key.split(" ")) for key in longest_first)
    return re.compile(rf"\b(?P<word>{alternatives})(?:s|es)?\b"), meaning


def _key(word: str) -> str:
    return re.sub(r"[\s-]+", " ", folded(word))


def _plain(text: str) -> str:
    """Return a text without accents, every character in its place."""
    plain = unaccented(text)
    return plain if len(plain) == len(text) else "".join(unaccented(sign)[:1] or sign for sign in text)
