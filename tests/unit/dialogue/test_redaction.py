"""What is stored of a conversation names nobody."""

from dataclasses import replace

import pytest

from services.dialogue.adapters.redaction import redacted, without_personal
from services.dialogue.flow.spoken import English, Spanish
from services.dialogue.policy import Entity, Slot, State

SPOKEN = English()
SPANISH = Spanish()


def entity(kind: str, text: str, part: str) -> Entity:
    start = text.index(part)
    return Entity(kind, part, part, start, start + len(part))


def test_entities_give_way_to_their_kind():
    text = "I am Sarah Miller and my order A4512 is late"
    found = [entity("order_number", text, "A4512"), entity("person_name", text, "Sarah Miller")]
    assert redacted(text, found) == "I am [person_name] and my order [order_number] is late"


@pytest.mark.parametrize("inner", ["555 0123", "0123 4567", "4567 89"])
def test_entities_that_overlap_leave_none_of_their_characters(inner: str):
    text = "it is 555 0123 4567 89 okay"
    found = [entity("phone", text, "555 0123 4567"), entity("order_number", text, inner)]
    for order in (found, found[::-1]):
        kept = redacted(text, order)
        assert not any(c.isdigit() for c in kept.replace("89", "" if inner != "4567 89" else "89")), kept
        assert kept.startswith("it is [")
        assert kept.endswith(" okay")


def test_what_is_not_personal_stays():
    text = "Tuesday at ten"
    assert redacted(text, [entity("date", text, "Tuesday")]) == text


@pytest.mark.parametrize(
    ("slot", "words", "stored"),
    [
        (Slot("n", "Sarah Miller", type="person_name"), "Thanks, Sarah!", "Thanks, [person_name]!"),
        (Slot("n", "Sarah Miller", type="person_name"), "For sarah miller?", "For [person_name]?"),
        (
            Slot("p", "+15550123456", type="phone"),
            f"I have {SPOKEN.phone('+15550123456')}.",
            "I have [phone].",
        ),
        (Slot("o", "A4512", type="order_number"), f"Order {SPOKEN.spell('A4512')}?", "Order [order_number]?"),
        (
            Slot("e", "sarah_m@example.com", type="email"),
            f"Write to {SPOKEN.email('sarah_m@example.com')}, right?",
            "Write to [email], right?",
        ),
        (
            Slot("e", "ana_p-r@example.com", type="email"),
            f"Le escribimos a {SPANISH.email('ana_p-r@example.com')}.",
            "Le escribimos a [email].",
        ),
        (Slot("s", "cleaning", type="service"), "A cleaning it is.", "A cleaning it is."),
    ],
)
def test_the_agent_s_words_lose_what_the_caller_told(slot: Slot, words: str, stored: str):
    known = replace(State("clinic", "en-US"), slots=(slot,))
    assert without_personal(words, known) == stored


def test_the_agent_s_words_lose_what_the_records_say():
    assert without_personal("Hello Ann Lee.", State("clinic", "en-US"), "Ann Lee") == "Hello [person_name]."
