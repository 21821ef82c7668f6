"""What is found in Spanish texts: the table of cases, and what the table cannot say."""

import itertools
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.nlu.domains import bundled_domains, load_domains
from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.grammar import BUILT_IN_TYPES
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("entity_cases_es.yaml").read_text("utf-8"))
DOMAINS = load_domains(bundled_domains())
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("America/New_York"))


def read(
    text: str, domain: str = "clinic", expected: tuple[str, ...] = (), language: str = "es", **context: Any
) -> tuple[Entity, ...]:
    data = DOMAINS[domain or "clinic"].languages["es"]
    types = DOMAINS[domain].file.entity_types if domain else BUILT_IN_TYPES
    defaults: dict[str, Any] = {
        "reference": FRIDAY,
        "expected": expected,
        "area_code": "212",
        "order_number_pattern": data.order_number_pattern,
        "first_names": data.first_names,
        "gazetteers": data.gazetteers if domain else {},
        "vocabulary": data.vocabulary if domain else frozenset(),
    }
    return extract(SpokenText(text, language), Context(**defaults | context), types)


def parameters() -> list[Any]:
    """Each case; what is not read right yet must stay so, or the case says too little of us."""
    return [
        pytest.param(
            case,
            id=f"{case['text']}/{case.get('language', '')}{case.get('expected', '')}",
            marks=[pytest.mark.xfail(reason=case["fails"], strict=True)] if "fails" in case else [],
        )
        for case in CASES
    ]


def test_the_table_is_long_enough_and_has_no_case_twice() -> None:
    keys = [(case["text"], case.get("language"), case.get("domain"), case.get("expected")) for case in CASES]
    assert len(keys) >= 200
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("case", parameters())
def test_finds_what_was_said_and_nothing_else(case: dict[str, Any]) -> None:
    text = case["text"]
    expected = (case["expected"],) if "expected" in case else ()
    found = read(text, case.get("domain", ""), expected, case.get("language", "es"))
    assert [[e.type, e.raw, e.value, *e.alternatives] for e in found] == [
        [str(part) for part in entity] for entity in case["found"]
    ]
    for entity in found:
        assert text[entity.start_char : entity.end_char] == entity.raw
        assert 0 < entity.confidence <= 1


@pytest.mark.parametrize("text", ["no antes del miércoles", "no más tarde del viernes", "nunca antes de las tres"])
def test_what_only_bounds_is_too_doubtful_to_be_taken(text: str) -> None:
    (found,) = read(text)
    assert found.confidence is not None
    assert found.confidence < 0.5


@pytest.mark.parametrize(
    ("language", "region", "currency", "value"),
    [
        ("es-MX", "US", "USD", "200.00 MXN"),
        ("es", "CO", "USD", "200.00 COP"),
        ("es-AR", "CO", "CLP", "200.00 CLP"),
    ],
)
def test_pesos_are_those_of_the_domain_or_of_the_country(language: str, region: str, currency: str, value: str) -> None:
    (found,) = read("doscientos pesos", "", language=language, phone_region=region, currency=currency)
    assert (found.value, found.alternatives) == (value, ())


@pytest.mark.parametrize(
    ("text", "today", "value", "others"),
    [
        ("el próximo martes", "2026-11-23", "2026-11-24", ("2026-12-01",)),  # said on a Monday: tomorrow, or not?
        ("el próximo martes", "2026-11-25", "2026-12-01", ()),
        ("este martes", "2026-11-24", "2026-11-24", ()),
        ("el martes", "2026-11-24", "2026-12-01", ("2026-11-24",)),
        ("el martes de la semana que viene", "2026-11-23", "2026-12-01", ()),
        ("el 31", "2026-11-20", "2026-12-31", ()),
        ("el 29 de febrero", "2026-11-20", "2028-02-29", ()),
        ("en un mes", "2027-01-31", "2027-02-28", ()),
        ("a fin de mes", "2028-02-10", "2028-02-29", ()),
        ("de mañana en quince", "2026-12-25", "2027-01-09", ()),
        ("mañana", "2026-12-31", "2027-01-01", ()),
    ],
)
def test_dates_follow_from_the_day_they_are_said(text: str, today: str, value: str, others: tuple[str, ...]) -> None:
    noon = datetime.fromisoformat(f"{today}T12:00").replace(tzinfo=ZoneInfo("America/New_York"))
    (date,) = read(text, expected=("date",), reference=noon)
    assert (date.value, date.alternatives) == (value, others)


def test_what_is_taken_back_by_moving_is_unlikely() -> None:
    old, new = read("pase mi cita del martes al jueves")
    assert old.confidence < 0.5 < new.confidence


def test_pesos_are_those_of_the_domain() -> None:
    (money,) = read("doscientos pesos", "shop", currency="COP")
    assert money.value == "200.00 COP"


WORDS = """
    el la las del de a al no perdón digo veinticuatro segundo primero marzo martes diez media cuarto menos para y tres
    dólares noventa punto com arroba cinco doble más pedido número me llamo soy mañana en semanas be hoy ocho quince día
"""
SPOKEN = st.lists(st.one_of(st.sampled_from(WORDS.split()), st.text(max_size=6)), max_size=14).map(" ".join)


@given(SPOKEN)
def test_any_text_is_read_and_places_are_right(text: str) -> None:
    for expected in ((), ("date", "time"), ("phone", "money", "order_number"), ("person_name", "number")):
        found = read(text, "shop", expected)
        for entity in found:
            assert text[entity.start_char : entity.end_char] == entity.raw
            assert entity.raw
        for one, other in itertools.pairwise(found):
            assert one.end_char <= other.start_char
