"""What the last words of a Spanish utterance tell of its end, with the project's own weights."""

import pytest

from services.dialogue.policy import Expectation, Understanding
from services.dialogue.turns.endings import probability
from services.dialogue.turns.endpointing import Ending, ending
from services.dialogue.turns.habits import SpeechHabits, words_of

HABITS = SpeechHabits().of("clinic", "es-MX")

SPOKEN = [
    ("me duele mucho la", "me duele mucho la muela"),
    ("quisiera una cita para", "quisiera una cita para el jueves"),
    ("mi pedido no ha llegado y", "mi pedido no ha llegado"),
    ("necesito ver al", "necesito ver al doctor"),
    ("hasta qué hora", "hasta qué hora abren el sábado"),
    ("quiero devolver un", "quiero devolver un jarrón roto"),
    ("es que", "es que mi hijo está enfermo"),
]
"""Beginnings, and what they become."""


@pytest.mark.parametrize(("begun", "whole"), SPOKEN)
def test_a_beginning_is_less_likely_over_than_the_whole(begun: str, whole: str) -> None:
    open_, over = (probability(words_of(text), HABITS.endings) for text in (begun, whole))
    assert open_ is not None
    assert over is not None
    assert open_ < 0.12 < over


def test_a_clear_intent_does_not_end_an_open_sentence() -> None:
    clear = Understanding(text="", intent="opening_hours", confidence=0.95)
    assert ending("hasta qué hora", Expectation(), clear, HABITS) is Ending.UNCERTAIN
    without = HABITS.model_copy(update={"endings": {}})
    assert ending("hasta qué hora", Expectation(), clear, without) is Ending.COMPLETE
    assert ending("hasta qué hora abren el sábado", Expectation(), clear, HABITS) is Ending.COMPLETE
