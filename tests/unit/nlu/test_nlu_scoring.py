import math

import pytest

from services.nlu.entities.text import SpokenText
from services.nlu.head import plain
from services.nlu.model import Entity, Expectation
from services.nlu.scoring import expected_share, gives_only_information, scope_bonus, shift

EVEN = {"inform": math.log(0.3), "correct": math.log(0.3), "affirm": math.log(0.4)}
DATE = Expectation(entity_types=("date",))


def entity(text: str, words: str, kind: str = "date") -> Entity:
    start = text.index(words)
    return Entity(kind, words, "x", start, start + len(words), 0.9)


@pytest.mark.parametrize(
    ("text", "words", "kind", "share"),
    [
        ("on Tuesday please", "Tuesday", "date", 1.0),
        ("Tuesday works", "Tuesday", "date", 0.5),
        ("Tuesday", "Tuesday", "time", 0.0),  # not what is expected
    ],
)
def test_share_is_of_the_words_that_matter(text: str, words: str, kind: str, share: float) -> None:
    assert expected_share(SpokenText(text), [entity(text, words, kind)], DATE) == share


def test_only_information_needs_no_expectation() -> None:
    text = "Tuesday please"
    assert gives_only_information(SpokenText(text), [entity(text, "Tuesday")])
    assert not gives_only_information(SpokenText("cancel Tuesday"), [entity("cancel Tuesday", "Tuesday")])
    assert not gives_only_information(SpokenText("please"), [])


def test_nothing_expected_changes_nothing() -> None:
    ranked = shift(EVEN, 0.0, Expectation(), only_information=False)
    assert [(i.name, round(i.confidence, 3)) for i in ranked] == [("affirm", 0.4), ("inform", 0.3), ("correct", 0.3)]


def test_expected_intents_are_likelier() -> None:
    first, *_ = shift(EVEN, 0.0, Expectation(intents=("correct",)), only_information=False)
    assert (first.name, round(first.confidence, 3)) == ("correct", round(0.9 / 1.6, 3))


def test_expected_information_makes_informing_likelier_the_more_it_covers() -> None:
    def inform(share: float) -> float:
        ranked = shift(EVEN, share, DATE, only_information=False)
        return next(i.confidence for i in ranked if i.name == "inform")

    assert inform(0.0) < inform(0.5) < inform(1.0)
    assert inform(1.0) > 0.9


def test_a_clear_correction_stays_one() -> None:
    sure = {"correct": math.log(0.97), "inform": math.log(0.02), "deny": math.log(0.01)}
    first, *_ = shift(sure, 0.5, DATE, only_information=False)
    assert first.name == "correct"


def test_confidences_are_probabilities() -> None:
    ranked = shift(EVEN, 1.0, Expectation(intents=("affirm", "unknown"), entity_types=("date",)), only_information=True)
    assert sum(i.confidence for i in ranked) == pytest.approx(1.0)


def test_what_was_asked_for_is_in_scope() -> None:
    bonuses = [
        scope_bonus(0.0, "affirm", Expectation(), only_information=False),
        scope_bonus(0.0, "affirm", Expectation(intents=("affirm",)), only_information=False),
        scope_bonus(0.5, "affirm", DATE, only_information=False),
        scope_bonus(1.0, "affirm", DATE, only_information=False),
    ]
    assert bonuses == sorted(bonuses)
    assert bonuses[0] == 0.0
    assert len(set(bonuses)) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No, I said: Thursday!", "No I said Thursday"),
        ("good-bye.", "good bye"),
        ("I\u2019d like that", "I'd like that"),
        ("$49.90, please", "$49.90 please"),
        ("  Hello   there ", "Hello there"),
    ],
)
def test_heads_see_no_punctuation(text: str, said: str) -> None:
    assert plain(text) == said
