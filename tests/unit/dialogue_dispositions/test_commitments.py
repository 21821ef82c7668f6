"""What callers commit themselves to, in English and Spanish, and what is no commitment."""

import pytest

from services.dialogue.adapters.redaction import redacted
from services.dialogue.dispositions.commitments import caller_commitments
from services.dialogue.policy import Commitment, Entity

DAYS = {
    "tomorrow": ("date", "2026-11-21"),
    "Friday": ("date", "2026-11-27"),
    "next week": ("date", "2026-11-23/2026-11-29"),
    "three": ("time", "15:00"),
    "mañana": ("date", "2026-11-21"),
    "el viernes": ("date", "2026-11-27"),
    "a las tres": ("time", "15:00"),
    "Sarah Miller": ("person_name", "Sarah Miller"),
    "555 0123": ("phone", "+15555550123"),
}


def entities(text: str) -> list[Entity]:
    """The entities of the table that the text names."""
    return [
        Entity(kind, value, raw, text.index(raw), text.index(raw) + len(raw))
        for raw, (kind, value) in DAYS.items()
        if raw in text
    ]


def found(text: str, language: str) -> list[tuple[str, str]]:
    return [(one.words, one.due) for one in caller_commitments(text, entities(text), language, redact=redacted)]


ENGLISH = [
    ("I'll call back tomorrow.", [("I'll call back tomorrow", "2026-11-21")]),
    ("I will send it by Friday", [("I will send it by Friday", "2026-11-27")]),
    (
        "Okay, I'm going to bring the form tomorrow at three.",
        [("I'm going to bring the form tomorrow at three", "2026-11-21T15:00")],
    ),
    ("Tomorrow I'll pay, and can you send the bill?", []),
    ("On Friday I'll pay the bill.", [("I'll pay the bill", "2026-11-27")]),
    ("I'll check, but I need the number.", [("I'll check", "")]),
    ("I'll check next week.", [("I'll check next week", "")]),
    (
        "I'll email the photo and I'll call tomorrow.",
        [("I'll email the photo", ""), ("I'll call tomorrow", "2026-11-21")],
    ),
    ("We will return the lamp.", [("We will return the lamp", "")]),
    ("I\u2019ll let you know.", [("I\u2019ll let you know", "")]),
    ("I'll tell Sarah Miller to use 555 0123.", [("I'll tell [person_name] to use [phone]", "")]),
    ("I'll have a cleaning on Friday.", []),
    ("I'll take Friday.", []),
    ("I won't call again.", []),
    ("I will not pay.", []),
    ("I'm not sure I'll come.", []),
    ("If I'll send it, what happens?", []),
    ("Shall I send it?", []),
    ("Will I call you or will you call me?", []),
    ("You'll call me tomorrow.", []),
    ("", []),
]
SPANISH = [
    ("Le llamo mañana.", [("Le llamo mañana", "2026-11-21")]),
    ("Te lo mando el viernes a las tres.", [("Te lo mando el viernes a las tres", "2026-11-27T15:00")]),
    ("Voy a enviar el formulario mañana", [("Voy a enviar el formulario mañana", "2026-11-21")]),
    ("Pagaré el viernes, pero no hoy.", [("Pagaré el viernes", "2026-11-27")]),
    ("Mañana vuelvo a llamar.", [("vuelvo a llamar", "")]),
    ("mañana vuelvo a llamar.", [("vuelvo a llamar", "2026-11-21")]),
    ("No voy a pagar.", []),
    ("No le llamo mañana.", []),
    ("Si les llamo, ¿qué pasa?", []),
    ("Quiero una cita el viernes.", []),
    ("¿Me llama mañana?", []),
]


@pytest.mark.parametrize(("text", "wanted"), ENGLISH)
def test_english(text: str, wanted: list[tuple[str, str]]) -> None:
    assert found(text, "en-GB") == wanted


@pytest.mark.parametrize(("text", "wanted"), SPANISH)
def test_spanish(text: str, wanted: list[tuple[str, str]]) -> None:
    assert found(text, "es-MX") == wanted


def test_a_commitment_knows_its_turn_and_place() -> None:
    made = caller_commitments("I'll call.", (), "en", redact=redacted, turn_id="c3", at=4.5)
    assert made == (Commitment("caller", "I'll call", turn_id="c3", at=4.5),)


def test_a_language_without_rules_has_none() -> None:
    assert found("I'll call back tomorrow.", "de-DE") == []
