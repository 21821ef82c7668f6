"""What must not be stored of what callers say, and what must: a table in two languages, with its pass rate."""

import re
from pathlib import Path

import pytest
import yaml

from services.dialogue.adapters.redaction import redacted, without_personal, without_values
from services.dialogue.state import Entity, State

TABLE = yaml.safe_load(Path(__file__).with_name("personal_sentences.yaml").read_text(encoding="utf-8"))
CASES = [(language, case) for language, cases in TABLE.items() for case in cases]


def right(language: str, case: dict) -> str:
    """Why a sentence is not read right; empty: it is."""
    stored = redacted(case["text"], (), language, case.get("names", ()), of_card=case.get("of_card", False))
    left = [part for part in case.get("goes", ()) if part in re.sub(r"\[\w+\]", "[]", stored)]
    lost = [part for part in case.get("stays", ()) if part not in stored]
    kinds = re.findall(r"\[(\w+)\]", stored)
    if left or lost or case.get("kinds", kinds) != kinds or (kinds and "goes" not in case):
        return f"{stored!r}: left {left}, lost {lost}"
    return ""


@pytest.mark.parametrize(("language", "case"), CASES, ids=[case["text"] for _, case in CASES])
def test_what_is_personal_goes_and_all_else_stays(language: str, case: dict):
    wrong = right(language, case)
    assert bool(wrong) == ("fails" in case), wrong or "it is read right: take the mark away"


def test_most_sentences_are_read_right():
    assert len(CASES) >= 100
    passed = sum(not right(language, case) for language, case in CASES)
    assert passed / len(CASES) >= 0.97


def test_what_is_redacted_stays_as_it_is():
    for language, case in CASES:
        once = redacted(case["text"], (), language)
        assert redacted(once, (), language) == once


def test_an_agent_repeats_no_card_and_may_name_the_business_s_own_number():
    state = State("shop", "en-US")
    assert without_personal("So your card is 4111 1111 1111 1111.", state) == "So your card is [card]."
    assert without_personal("Call us at 555 0123 456.", state) == "Call us at 555 0123 456."


def test_a_value_that_stands_in_what_is_personal_is_not_stored():
    """A date of birth is a date to those who look for dates; a card is a number."""
    text = "I was born on March 4th 1985, see you on Tuesday"
    birth = Entity("date", "1985-03-04", "March 4th 1985", 14, 28)
    visit = Entity("date", "2026-11-24", "Tuesday", 41, 48)
    assert without_values(text, [birth, visit], "en-US") == [Entity("date", "", "[date]", 14, 28), visit]
