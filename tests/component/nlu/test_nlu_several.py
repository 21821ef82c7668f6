"""Several intents in one sentence, with the real head: each is told, and one wish stays one."""

from datetime import datetime

import pytest

from services.nlu.engines.shared import ScoringEngine
from services.nlu.model import Expectation, Parse, ParseRequest

SEVERAL = [
    ("clinic", "en", "book a cleaning and tell me your prices", "book_appointment", ["ask_price"]),
    ("clinic", "en", "I need to cancel my appointment. And what time do you close?", "cancel_appointment",
     ["opening_hours"]),
    ("clinic", "en", "where are you located and how much is a root canal", "location", ["ask_price"]),
    ("shop", "en", "where is my order, and by the way when do you open tomorrow", "order_status", ["opening_hours"]),
    ("shop", "en", "I want to return these shoes and talk to a real person", "return_item", ["human"]),
    ("clinic", "es", "quiero pedir una cita y también saber cuánto cuesta una limpieza", "book_appointment",
     ["ask_price"]),
]  # fmt: skip
ONE = [
    ("clinic", "en", "I'd like to book a cleaning for Tuesday at ten in the morning."),
    ("clinic", "en", "Hello, good morning, and I would like to make an appointment."),
    ("clinic", "en", "My name is Sarah Miller and my number is five five five oh one two three."),
    ("clinic", "en", "a cleaning and a check up on Monday and not on Tuesday"),
    ("shop", "en", "Hello, my order arrived damaged and I want to complain."),
    ("shop", "en", "the number is A four five one two and my name is John"),
]


def understand(engine: ScoringEngine, domain: str, language: str, text: str, reference: datetime) -> Parse:
    return engine.parse(ParseRequest(text, domain, language, reference, Expectation()))


@pytest.mark.parametrize(("domain", "language", "text", "first", "others"), SEVERAL)
def test_each_wish_is_told(
    minilm_engine: ScoringEngine,
    reference: datetime,
    domain: str,
    language: str,
    text: str,
    first: str,
    others: list[str],
) -> None:
    parse = understand(minilm_engine, domain, language, text, reference)
    assert {parse.intents[0].name, *(part.intent.name for part in parse.further)} == {first, *others}
    for part in parse.further:
        assert 0 <= part.start_char < part.end_char <= len(text)
        assert part.intent.confidence >= 0.6


@pytest.mark.parametrize(("domain", "language", "text"), ONE)
def test_one_wish_stays_one(
    minilm_engine: ScoringEngine, reference: datetime, domain: str, language: str, text: str
) -> None:
    assert understand(minilm_engine, domain, language, text, reference).further == ()
