"""Whether Spanish callers are understood: sentences that no head has seen."""

from datetime import datetime
from pathlib import Path

import pytest
import yaml

from services.nlu.domains import bundled_domains, load_domains
from services.nlu.engines.shared import ScoringEngine
from services.nlu.head import plain
from services.nlu.model import Expectation, Parse, ParseRequest

HELD_OUT = yaml.safe_load(Path(__file__).with_name("heldout_es.yaml").read_text("utf-8"))
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
    return engine.parse(ParseRequest(text, domain, "es-MX", reference, expectation or Expectation()))


def likeliest(parse: Parse) -> str:
    return parse.intents[0].name if parse.intents else "out of scope"


@pytest.mark.parametrize("domain", DOMAINS)
def test_held_out_sentences_are_in_no_training_data(domain: str) -> None:
    data = load_domains(bundled_domains())[domain].languages["es"]
    trained = {plain(text).lower() for text in (*(text for text, _ in data.labelled), *data.out_of_scope)}
    held_out = {plain(text).lower() for text in (*(text for _, text in sentences(domain)), *HELD_OUT["out_of_scope"])}
    assert not held_out & trained


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_intent_has_examples_and_held_out_sentences(domain: str) -> None:
    data = load_domains(bundled_domains())[domain].languages["es"]
    assert {intent for intent, _ in sentences(domain)} == set(data.intents)
    for name, intent in data.intents.items():
        assert len(intent.examples) >= 25, name
        assert sum(held == name for held, _ in sentences(domain)) >= 5, name


@pytest.mark.parametrize("domain", DOMAINS)
def test_held_out_sentences_are_understood(minilm_engine: ScoringEngine, reference: datetime, domain: str) -> None:
    wrong = [
        (text, intent, answer)
        for intent, text in sentences(domain)
        if (answer := likeliest(understand(minilm_engine, text, reference, domain))) != intent
    ]
    assert len(wrong) <= 0.06 * len(sentences(domain)), wrong


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_none_of_the_domains_business_is_told(
    minilm_engine: ScoringEngine, reference: datetime, domain: str
) -> None:
    texts = HELD_OUT["out_of_scope"]
    parses = [understand(minilm_engine, text, reference, domain) for text in texts]
    missed = [text for text, parse in zip(texts, parses, strict=True) if not parse.out_of_scope]
    assert len(missed) <= 0.15 * len(texts), missed


def test_accents_and_capitals_may_be_left_out(minilm_engine: ScoringEngine, reference: datetime) -> None:
    for text in ("¿Cuánto cuesta una limpieza?", "cuanto cuesta una limpieza"):
        assert likeliest(understand(minilm_engine, text, reference)) == "ask_price"


def test_a_bare_name_is_understood_where_one_is_expected(minilm_engine: ScoringEngine, reference: datetime) -> None:
    name = "Ximena Quispe Mamani"
    parse = understand(minilm_engine, name, reference, expectation=Expectation(entity_types=("person_name",)))
    assert likeliest(parse) == "inform"
    assert [(e.type, e.value) for e in parse.entities] == [("person_name", name)]


def test_a_correction_at_the_summary_brings_its_value(minilm_engine: ScoringEngine, reference: datetime) -> None:
    expectation = Expectation(("affirm", "deny", "correct", "goodbye"), ("date", "time", "person_name"))
    parse = understand(minilm_engine, "No, perdón, dije el jueves.", reference, expectation=expectation)
    assert likeliest(parse) == "correct"
    assert [(e.type, e.value) for e in parse.entities] == [("date", "2026-11-26")]
