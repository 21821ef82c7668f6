from datetime import datetime
from pathlib import Path

import pytest
import yaml

from services.nlu.domains import bundled_domains, load_domains
from services.nlu.engines.shared import ScoringEngine
from services.nlu.head import plain
from services.nlu.model import Expectation, Parse, ParseRequest, UnknownDomainError, UnknownLanguageError

HELD_OUT = yaml.safe_load(Path(__file__).with_name("heldout.yaml").read_text("utf-8"))
DOMAINS = ("clinic", "shop")


def sentences(domain: str) -> list[tuple[str, str]]:
    parts = (HELD_OUT["common"], HELD_OUT[domain])
    return [(intent, text) for part in parts for intent, texts in part.items() for text in texts]


def understand(
    engine: ScoringEngine,
    text: str,
    reference: datetime,
    domain: str = "clinic",
    expectation: Expectation | None = None,
) -> Parse:
    return engine.parse(ParseRequest(text, domain, "en-US", reference, expectation or Expectation()))


def likeliest(parse: Parse) -> str:
    return parse.intents[0].name if parse.intents else "out of scope"


@pytest.mark.parametrize("domain", DOMAINS)
def test_held_out_sentences_are_in_no_training_data(domain: str) -> None:
    data = load_domains(bundled_domains())[domain].languages["en"]
    trained = {plain(text).lower() for text in (*(text for text, _ in data.labelled), *data.out_of_scope)}
    demo = {plain(text).lower() for _, _, text in DEMO}
    held_out = {plain(text).lower() for text in (*(text for _, text in sentences(domain)), *HELD_OUT["out_of_scope"])}
    assert held_out & trained <= demo, "the demo's own sentences may be in both"


@pytest.mark.parametrize("domain", DOMAINS)
def test_held_out_sentences_are_understood(minilm_engine: ScoringEngine, reference: datetime, domain: str) -> None:
    wrong = [
        (text, intent, answer)
        for intent, text in sentences(domain)
        if (answer := likeliest(understand(minilm_engine, text, reference, domain))) != intent
    ]
    assert len(wrong) <= 0.05 * len(sentences(domain)), wrong


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_none_of_the_domains_business_is_told(
    minilm_engine: ScoringEngine, reference: datetime, domain: str
) -> None:
    texts = HELD_OUT["out_of_scope"]
    parses = [understand(minilm_engine, text, reference, domain) for text in texts]
    missed = [text for text, parse in zip(texts, parses, strict=True) if not parse.out_of_scope]
    assert len(missed) <= 0.1 * len(texts), missed
    assert all(parse.intents == () for parse in parses if parse.out_of_scope)


DEMO = [
    ("clinic", "book_appointment", "I'd like to book a cleaning for Tuesday at ten in the morning."),
    ("clinic", "inform", "My name is Sarah Miller."),
    ("clinic", "correct", "No, I said Thursday."),
    ("clinic", "affirm", "Yes, that is right."),
    ("clinic", "goodbye", "No thank you, goodbye."),
    ("shop", "file_complaint", "Hello, my order arrived damaged and I want to complain."),
    ("shop", "inform", "The order number is A four five one two."),
    ("shop", "file_complaint", "The screen of the tablet is broken."),
    ("shop", "affirm", "Yes, please."),
    ("shop", "goodbye", "No, that is all. Goodbye."),
]


@pytest.mark.parametrize(("domain", "intent", "text"), DEMO)
@pytest.mark.parametrize("name", ["minilm", "rules"])
def test_both_engines_understand_the_demo(
    name: str, domain: str, intent: str, text: str, reference: datetime, request: pytest.FixtureRequest
) -> None:
    parse = understand(request.getfixturevalue(f"{name}_engine"), text, reference, domain)
    assert likeliest(parse) == intent
    assert parse.engine == name
    assert parse.intents[0].confidence >= 0.5


def test_candidates_are_ranked_and_are_probabilities(minilm_engine: ScoringEngine, reference: datetime) -> None:
    intents = understand(minilm_engine, "I want to move or cancel my appointment", reference).intents
    confidences = [intent.confidence for intent in intents]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.9 < sum(confidences) <= 1.0 + 1e-6
    assert {intents[0].name, intents[1].name} == {"reschedule_appointment", "cancel_appointment"}


def test_a_bare_name_is_understood_where_one_is_expected(minilm_engine: ScoringEngine, reference: datetime) -> None:
    name = "Zbigniew Kowalczyk"
    parse = understand(minilm_engine, name, reference, expectation=Expectation(entity_types=("person_name",)))
    assert likeliest(parse) == "inform"
    assert [(e.type, e.value) for e in parse.entities] == [("person_name", name)]


def test_what_is_expected_shifts_what_is_understood(minilm_engine: ScoringEngine, reference: datetime) -> None:
    def confidence(expectation: Expectation, intent: str) -> float:
        parse = understand(minilm_engine, "cleaning", reference, expectation=expectation)
        return next((i.confidence for i in parse.intents if i.name == intent), 0.0)

    nothing, service = Expectation(), Expectation(entity_types=("service",))
    assert confidence(service, "inform") > max(confidence(nothing, "inform"), 0.5)
    booking = Expectation(intents=("book_appointment",))
    assert confidence(booking, "book_appointment") > confidence(nothing, "book_appointment")


def test_an_expected_date_does_not_hide_a_correction(minilm_engine: ScoringEngine, reference: datetime) -> None:
    expectation = Expectation(("affirm", "deny"), ("date",))
    parse = understand(minilm_engine, "No, I said thirsty.", reference, expectation=expectation)
    assert likeliest(parse) == "correct"
    assert [(e.type, e.value) for e in parse.entities] == [("date", "2026-11-26")]


@pytest.mark.parametrize(
    ("text", "sign"),
    [("this is terrible, I am very angry", -1), ("wonderful, thank you so much", 1), ("on Tuesday", 0)],
)
def test_feeling_is_heard(minilm_engine: ScoringEngine, reference: datetime, text: str, sign: int) -> None:
    feeling = understand(minilm_engine, text, reference).sentiment
    assert feeling is not None
    assert (feeling.score > 0.3) - (feeling.score < -0.3) == sign
    assert feeling.confidence is None


@pytest.mark.parametrize("text", ["", " ", "...", "\u0000", "\U0001f600", "a" * 10_000, "\u0130" * 50])
@pytest.mark.parametrize("name", ["minilm", "rules"])
def test_any_text_gets_an_answer(name: str, text: str, reference: datetime, request: pytest.FixtureRequest) -> None:
    parse = understand(request.getfixturevalue(f"{name}_engine"), text, reference)
    assert parse.out_of_scope == (not parse.intents)


@pytest.mark.parametrize("tag", ["en", "en-US", "EN-gb", "en-Latn-AU"])
def test_a_languages_variants_are_understood(minilm_engine: ScoringEngine, reference: datetime, tag: str) -> None:
    assert likeliest(minilm_engine.parse(ParseRequest("yes please", "clinic", tag, reference))) == "affirm"


def test_unknown_domains_and_languages_are_refused(minilm_engine: ScoringEngine, reference: datetime) -> None:
    with pytest.raises(UnknownDomainError):
        minilm_engine.parse(ParseRequest("hello", "bakery", "en", reference))
    with pytest.raises(UnknownLanguageError) as refusal:
        minilm_engine.parse(ParseRequest("hallo", "clinic", "de-DE", reference))
    assert refusal.value.supported == ("en", "es")
