"""The rules engine takes words as callers type them."""

import pytest

from services.nlu.domains import IntentData, LanguageData
from services.nlu.engines.rules import RuleScorer
from services.nlu.folding import folded, unaccented


def scorer() -> RuleScorer:
    intents = {
        "affirm": IntentData(keywords=["sí", "así es"], patterns=[], examples=["x"]),
        "book": IntentData(keywords=["cita para mañana"], patterns=[r"\brevisi[oó]n\b.*\S"], examples=["x"]),
        "deny": IntentData(keywords=["no"], patterns=[], examples=["x"]),
        "café": IntentData(keywords=["Café"], patterns=[], examples=["x"]),
    }
    return RuleScorer(
        LanguageData(
            intents=intents,
            out_of_scope=(),
            order_number_pattern="",
            first_names=frozenset(),
            gazetteers={},
        )
    )


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("si", "Sí"),
        ("asi es", "así es"),
        ("cita para manana", "CITA PARA MAÑANA"),
        ("una revision hoy", "una revisión hoy"),
        ("un cafe", "un café"),
        ("un cafe\u0301", "un café"),
    ],
)
def test_accents_and_capitals_make_no_difference(typed: str, written: str) -> None:
    one, other = scorer()([typed, written])
    assert one == other
    assert one.scope_margin > 0


def test_other_words_are_still_other_words() -> None:
    (scores,) = scorer()(["sin no"])
    assert max(scores.log_probabilities, key=lambda name: scores.log_probabilities[name]) == "deny"


def test_folding_keeps_what_patterns_need() -> None:
    assert folded("Ñandú, ¿SÍ?") == "nandu, ¿si?"
    assert unaccented(r"[oó]\S") == r"[oo]\S"
