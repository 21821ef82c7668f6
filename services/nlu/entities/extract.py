"""All entity types together: read, judged against each other, placed in the text and on the audio clock."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.nlu.entities.found import Context, Found
from services.nlu.entities.grammar import Retractions, grammar_of
from services.nlu.entities.repairs import repaired
from services.nlu.entities.text import SpokenText, lowered
from services.nlu.model import Entity, TimedWord

_EXPECTED_BONUS = 0.25
_FAMILIES = {"date": 1, "date_range": 1, "time": 2, "time_range": 2}
_WHOLE_BONUS = 0.1
"""A reading that holds another of its family says more: "from Monday to Friday", "the end of next week"."""
_LIMITED = frozenset({"date", "time", "date_range", "time_range"})
_LIMIT = 0.45
"""Confidence of X in "not before X": what is wanted is another, which is to be asked for."""
_OLD_VALUE = 0.4
"""Confidence of X in "from X to Y": it was said, but Y is what is wanted."""


def extract(
    text: SpokenText, context: Context, types: Iterable[str], words: Sequence[TimedWord] = ()
) -> tuple[Entity, ...]:
    """Return the entities of a text in their order; no two of them overlap.

    What is negated ("not Tuesday") and what is taken back ("Tuesday, no, Thursday") is left out: the last word wins.

    Args:
        text: the text.
        context: what its meaning depends on.
        types: the entity types of the domain; others are left out.
        words: the text's words with their times, where it was spoken.
    """
    wanted = frozenset(types)
    grammar = grammar_of(text.language)
    found = [f for reader in grammar.readers for f in reader(text, context) if f.type in wanted]
    kept = _without_overlaps(found, context.expected)
    kept = repaired(kept, text, context, grammar)
    kept = _weighed(kept, text.canonical, grammar.retractions)
    entities = [_placed(f, text) for f in kept]
    return tuple(_timed(entities, text.raw, words) if words else entities)


def _without_overlaps(found: Iterable[Found], expected: Sequence[str]) -> list[Found]:
    """Keep the likeliest of those that overlap; what is expected is likelier, of equals the longer wins."""

    candidates = list(found)

    def rank(f: Found) -> tuple[float, int]:
        whole = any(_holds(f, other) for other in candidates)
        bonus = (_EXPECTED_BONUS if f.type in expected else 0.0) + (_WHOLE_BONUS if whole else 0.0)
        return f.confidence + bonus, f.end - f.start

    kept: list[Found] = []
    for candidate in sorted(candidates, key=rank, reverse=True):
        if all(candidate.end <= other.start or other.end <= candidate.start for other in kept):
            kept.append(candidate)
    return sorted(kept, key=lambda f: f.start)


def _holds(f: Found, other: Found) -> bool:
    """Say whether an entity holds a shorter one of its family."""
    if f.type not in _FAMILIES or _FAMILIES[f.type] != _FAMILIES.get(other.type):
        return False
    return f.start <= other.start and other.end <= f.end and other.end - other.start < f.end - f.start


def _weighed(found: list[Found], canonical: str, retractions: Retractions) -> list[Found]:
    weighed = [
        replace(f, confidence=min(f.confidence, _LIMIT))
        if f.type in _LIMITED and retractions.limit.search(canonical, 0, f.start)
        else f
        for f in found
    ]
    for index, (one, other) in enumerate(itertools.pairwise(found)):
        moved = retractions.moved_from.search(canonical[: one.start]) and retractions.moved_to.search(
            canonical[one.end : other.start]
        )
        if one.type == other.type and moved:
            weighed[index] = replace(one, confidence=min(one.confidence, _OLD_VALUE))
    return weighed


def _placed(f: Found, text: SpokenText) -> Entity:
    start, end = text.source(f.start, f.end)
    return Entity(
        type=f.type,
        raw=text.raw[start:end],
        value=f.value,
        start_char=start,
        end_char=end,
        confidence=f.confidence,
        alternatives=f.alternatives,
    )


def _timed(entities: list[Entity], raw: str, words: Sequence[TimedWord]) -> list[Entity]:
    """Give entities the times of the words they overlap; words are looked up in the text in their order."""
    places: list[tuple[int, int, TimedWord]] = []
    text, at = lowered(raw), 0
    for word in words:
        needle = lowered(word.text.strip())
        start = _whole_word(text, needle, at) if needle else -1
        if start >= 0:
            at = start + len(needle)
            places.append((start, at, word))
    return [_with_times(entity, places) for entity in entities]


def _whole_word(text: str, needle: str, at: int) -> int:
    """Return where a word stands by itself: "a" is not in "at"; -1 where it does not."""
    start = text.find(needle, at)
    while start >= 0:
        end = start + len(needle)
        inside = start > 0 and text[start - 1].isalnum() and needle[0].isalnum()
        if not inside and not (end < len(text) and text[end].isalnum() and needle[-1].isalnum()):
            return start
        start = text.find(needle, start + 1)
    return -1


def _with_times(entity: Entity, places: list[tuple[int, int, TimedWord]]) -> Entity:
    own = [word for start, end, word in places if start < entity.end_char and entity.start_char < end]
    if not own:
        return entity
    return replace(entity, start_s=own[0].start_s, end_s=own[-1].end_s)
