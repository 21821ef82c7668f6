"""How sentences feel: the table of Spanish ones, and what negation, intensifiers and contrast do."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.nlu.feelings.es import SPANISH
from services.nlu.sentiment import sentiment

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("feelings_es.yaml").read_text("utf-8"))
FELT = 0.05
"""A score beyond it says something, as with VADER."""


def feels(text: str) -> int:
    score = SPANISH.score(text)
    return (score > FELT) - (score < -FELT)


def test_the_table_is_long_enough() -> None:
    assert len({case["text"] for case in CASES}) == len(CASES) >= 60
    assert sum("fails" not in case for case in CASES) >= 0.9 * len(CASES)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case["text"],
            marks=[pytest.mark.xfail(reason=case["fails"], strict=True)] if "fails" in case else [],
        )
        for case in CASES
    ],
)
def test_a_sentence_feels_as_it_was_meant(case: dict[str, Any]) -> None:
    assert feels(case["text"]) == case["feels"]


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("fue malo", "fue bueno"),
        ("no fue bueno", "fue bueno"),
        ("fue bueno", "fue muy bueno"),
        ("fue muy malo", "fue malo"),
        ("fue bueno pero lento", "fue lento pero bueno"),
        ("fue bueno", "fue bueno!"),
        ("estoy poco satisfecho", "estoy satisfecho"),
        ("es lento", "es un poco lento"),
    ],
)
def test_what_stands_around_a_word_counts(less: str, more: str) -> None:
    assert SPANISH.score(less) < SPANISH.score(more)


def test_accents_and_capitals_make_no_difference() -> None:
    assert SPANISH.score("El servicio fue PÉSIMO") == SPANISH.score("el servicio fue pesimo") < -0.5


@given(st.text(max_size=80))
def test_any_text_has_a_score_between_minus_one_and_one(text: str) -> None:
    assert -1 <= SPANISH.score(text) <= 1


def test_a_language_without_words_is_not_guessed() -> None:
    assert sentiment("Ich bin sehr zufrieden", "de") is None
    spanish = sentiment("estoy muy contento", "es-MX")
    assert spanish is not None
    assert spanish.score > 0.5
