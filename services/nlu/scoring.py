"""From what an engine makes of the words alone to what they mean in the conversation."""

import math
from collections.abc import Mapping, Sequence

from services.nlu.entities.text import SpokenText
from services.nlu.fillers import fillers
from services.nlu.model import Entity, Expectation, IntentCandidate

INFORM = "inform"
MAX_CANDIDATES = 5

_EXPECTED_INTENT = math.log(3.0)
_EXPECTED_ENTITY = math.log(4.0)
_NOTHING_ELSE = math.log(40.0)
_ONLY_INFORMATION = math.log(2.0)
_SCOPE_FOR_INTENT = 1.0
_SCOPE_FOR_ENTITY = 1.5
_SCOPE_FOR_NOTHING_ELSE = 6.0
_SCOPE_FOR_INFORMATION = 3.0
_PLAIN_INFORMATION = frozenset({"date", "time", "phone", "email", "money", "order_number", "person_name"})


def expected_share(text: SpokenText, entities: Sequence[Entity], expectation: Expectation) -> float:
    """Return which share of the words that matter the expected pieces of information take, 0 to 1."""
    if not any(entity.type in expectation.entity_types for entity in entities):
        return 0.0
    return _share(text, entities)


def gives_only_information(text: SpokenText, entities: Sequence[Entity]) -> bool:
    """Say whether a text holds nothing that matters but dates, numbers, addresses and names."""
    return _share(text, [entity for entity in entities if entity.type in _PLAIN_INFORMATION]) >= 1.0


def _share(text: SpokenText, entities: Sequence[Entity]) -> float:
    covered = others = 0
    nothings = fillers(text.language)
    for word in text.words:
        if any(e.start_char <= word.start and word.end <= e.end_char for e in entities):
            covered += 1
        elif word.text not in nothings:
            others += 1
    return covered / (covered + others) if covered else 0.0


def shift(
    log_probabilities: Mapping[str, float], share: float, expectation: Expectation, *, only_information: bool
) -> tuple[IntentCandidate, ...]:
    """Return the intents, the likeliest first, once the conversation's expectation has had its say.

    Expected intents count three times as likely. A text that holds an expected piece of information is four times
    as likely to just inform, forty times if it holds little else: Bayes' rule with these prior odds.

    Args:
        log_probabilities: of the words alone, by intent.
        share: what `expected_share` returned.
        expectation: what the conversation waits for.
        only_information: what `gives_only_information` returned; makes informing twice as likely by itself.
    """
    scores = dict(log_probabilities)
    for name in expectation.intents:
        if name in scores:
            scores[name] += _EXPECTED_INTENT
    if share and INFORM in scores:
        scores[INFORM] += _NOTHING_ELSE if share >= 1.0 else _EXPECTED_ENTITY
    elif only_information and INFORM in scores:
        scores[INFORM] += _ONLY_INFORMATION
    highest = max(scores.values())
    weights = {name: math.exp(score - highest) for name, score in scores.items()}
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: -item[1])[:MAX_CANDIDATES]
    return tuple(IntentCandidate(name, weight / total) for name, weight in ranked)


def scope_bonus(share: float, likeliest: str, expectation: Expectation, *, only_information: bool) -> float:
    """Return by how much the log-odds of being in scope rise: what was asked for is in scope."""
    bonus = _SCOPE_FOR_INTENT if likeliest in expectation.intents else 0.0
    if share:
        bonus += _SCOPE_FOR_NOTHING_ELSE if share >= 1.0 else _SCOPE_FOR_ENTITY
    elif only_information:
        bonus += _SCOPE_FOR_INFORMATION
    return bonus
