"""Several intents in one sentence: "book a cleaning and tell me your prices"."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.nlu.clauses import Clause, clauses
from services.nlu.engines.scores import Scores
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity, Expectation, FurtherIntent, IntentCandidate
from services.nlu.scoring import INFORM, gives_only_information, shift

SURE = 0.6
"""The least confidence of a part's intent: a part is short, and what it alone seems to say may mislead."""

_NO_WISH = frozenset({INFORM, "greet", "thank", "correct", "goodbye", "unsure"})
"""Moves that come along with others: "hello, I want ..." has one wish."""

_ANSWERS = frozenset({"affirm", "deny"})
"""Answers mean something where the rest is noise, but are no wishes beside another: "on Monday and not on Tuesday"."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one part of a text means, alone."""

    clause: Clause
    intents: tuple[IntentCandidate, ...]

    @property
    def first(self) -> IntentCandidate:
        """The likeliest meaning."""
        return self.intents[0]


def parts_of(text: SpokenText, entities: Sequence[Entity]) -> list[Clause]:
    """Return the parts of a text that may want something, in order; none where it is one piece."""
    return [
        clause
        for clause in clauses(text.raw, text.language.lower().split("-")[0])
        if not _only_information(clause, entities, text.language)
    ]


def wishes(parts: Sequence[Clause], scores: Sequence[Scores]) -> tuple[Wish, ...]:
    """Return the parts of a text that clearly want something, given what the words of each alone say."""
    found = []
    for clause, said in zip(parts, scores, strict=True):
        intents = shift(said.log_probabilities, 0.0, Expectation(), only_information=False)
        if said.scope_margin >= 0 and intents[0].confidence >= SURE and intents[0].name not in _NO_WISH:
            found.append(Wish(clause, intents))
    return tuple(found)


def joined(
    whole: tuple[IntentCandidate, ...], said: Sequence[Wish]
) -> tuple[tuple[IntentCandidate, ...], tuple[FurtherIntent, ...]]:
    """Return a text's meanings and what is wanted besides the first of them.

    The whole text's meanings count. Only where it is out of scope, or where its parts agree on none of its wishes (two
    wishes at once may look like a third), the first part's count instead.

    Args:
        whole: the whole text's meanings; none when it is out of scope.
        said: its parts' meanings.
    """
    names = {wish.first.name for wish in said}
    if said and (not whole or (len(names) > 1 and whole[0].name not in names | _NO_WISH)):
        whole = said[0].intents
    first = whole[0].name if whole else ""
    further: dict[str, FurtherIntent] = {}
    for wish in said:
        if wish.first.name != first and wish.first.name not in _ANSWERS:
            further.setdefault(wish.first.name, FurtherIntent(wish.first, wish.clause.start_char, wish.clause.end_char))
    return whole, tuple(further.values())


def _only_information(clause: Clause, entities: Sequence[Entity], language: str) -> bool:
    inside = [e for e in entities if clause.start_char <= e.start_char and e.end_char <= clause.end_char]
    if not inside:
        return False
    moved = [_moved(entity, -clause.start_char) for entity in inside]
    return gives_only_information(SpokenText(clause.text, language), moved)


def _moved(entity: Entity, by: int) -> Entity:
    return Entity(
        entity.type,
        entity.raw,
        entity.value,
        entity.start_char + by,
        entity.end_char + by,
        entity.confidence,
    )
