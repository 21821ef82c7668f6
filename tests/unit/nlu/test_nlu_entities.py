import itertools
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.nlu.domains import bundled_domains, load_domains
from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity, TimedWord

CASES = yaml.safe_load(Path(__file__).with_name("entity_cases.yaml").read_text("utf-8"))
DOMAINS = load_domains(bundled_domains())
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("America/New_York"))


def read(
    text: str,
    domain: str = "clinic",
    expected: tuple[str, ...] = (),
    *,
    reference: datetime = FRIDAY,
    words: tuple[TimedWord, ...] = (),
    area_code: str = "212",
) -> tuple[Entity, ...]:
    data = DOMAINS[domain].languages["en"]
    context = Context(
        reference=reference,
        expected=expected,
        area_code=area_code,
        order_number_pattern=data.order_number_pattern,
        first_names=data.first_names,
        gazetteers=data.gazetteers,
        vocabulary=data.vocabulary,
    )
    return extract(SpokenText(text), context, DOMAINS[domain].file.entity_types, words)


def test_the_table_is_long_enough_and_has_no_case_twice() -> None:
    keys = [(case["text"], case["domain"], case.get("expected")) for case in CASES]
    assert len(keys) >= 120
    assert len(set(keys)) == len(keys)
    types = {entity[0] for case in CASES for entity in case["found"]}
    assert types >= {"date", "time", "phone", "email", "money", "service", "product", "issue_category"}


@pytest.mark.parametrize("case", CASES, ids=[f"{c['text']}/{c.get('expected', '')}" for c in CASES])
def test_finds_what_was_said_and_nothing_else(case: dict[str, object]) -> None:
    text = str(case["text"])
    found = read(text, str(case["domain"]), (str(case["expected"]),) if "expected" in case else ())
    assert [[e.type, e.raw, e.value, *e.alternatives] for e in found] == case["found"]
    for entity in found:
        assert text[entity.start_char : entity.end_char] == entity.raw
        assert 0 < entity.confidence <= 1


@pytest.mark.parametrize(
    ("text", "today", "value", "others"),
    [
        ("next Tuesday", "2026-11-23", "2026-12-01", ("2026-11-24",)),  # said on a Monday: the coming one, or not?
        ("next Tuesday", "2026-11-22", "2026-11-24", ()),
        ("this Tuesday", "2026-11-26", "2026-12-01", ()),
        ("Tuesday", "2026-11-24", "2026-12-01", ("2026-11-24",)),
        ("on the 31st", "2026-11-20", "2026-12-31", ()),
        ("the third", "2026-12-03", "2026-12-03", ()),
        ("December third", "2026-12-04", "2027-12-03", ()),
        ("february twenty ninth", "2028-02-29", "2028-02-29", ()),
        ("in a month", "2027-01-31", "2027-02-28", ()),
        ("tomorrow", "2026-12-31", "2027-01-01", ()),
    ],
)
def test_dates_follow_from_the_day_they_are_said(text: str, today: str, value: str, others: tuple[str, ...]) -> None:
    noon = datetime.fromisoformat(f"{today}T12:00").replace(tzinfo=ZoneInfo("America/New_York"))
    (date,) = read(text, expected=("date",), reference=noon)
    assert (date.value, date.alternatives) == (value, others)


def test_the_day_is_the_speakers() -> None:
    late = datetime(2026, 11, 21, 3, 0, tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo("America/New_York"))
    assert [e.value for e in read("tomorrow", reference=late)] == ["2026-11-21"]


def test_what_is_taken_back_by_moving_is_unlikely() -> None:
    old, new = read("move it from Tuesday to Thursday")
    assert old.confidence < 0.5 < new.confidence


def test_a_local_number_without_area_code_stays_as_it_is() -> None:
    (phone,) = read("my number is 555-0123", area_code="")
    assert (phone.value, phone.confidence < 0.9) == ("5550123", True)


def test_expected_types_win_where_readings_compete() -> None:
    assert [e.type for e in read("five five five oh one two three", "shop", ("phone",))] == ["phone"]
    assert [e.type for e in read("five five five oh one two three", "shop", ("order_number",))] == ["order_number"]


def test_types_that_the_domain_does_not_have_are_left_out() -> None:
    assert read("order number A4512", "clinic") == ()


def test_entities_get_the_times_of_their_words() -> None:
    text = "Book a cleaning for Tuesday at ten in the morning."
    said = text.split()
    words = tuple(TimedWord(word, index * 0.5, index * 0.5 + 0.4) for index, word in enumerate(said))
    times = {e.type: (e.start_s, e.end_s) for e in read(text, words=words)}
    assert times == {"service": (1.0, 1.4), "date": (2.0, 2.4), "time": (3.0, 4.9)}


def test_entities_have_no_times_where_words_are_missing() -> None:
    (date,) = read("on Tuesday", words=(TimedWord("on", 0.0, 0.2),))
    assert (date.start_s, date.end_s) == (None, None)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("On the twenty-fourth, at ten thirty", "on the 24th, at 10 30"),
        ("A four five one two", "a 4 5 1 2"),
        ("forty nine dollars ninety", "49 dollars 90"),
        ("Ten, twenty. four", "10, 20. 4"),
        ("just a second", "just a second"),
        ("It\u2019s 3 o\u2019clock", "it's 3 o'clock"),
    ],
)
def test_canonical_text_writes_numbers_as_digits(text: str, canonical: str) -> None:
    assert SpokenText(text).canonical == canonical


WORDS = """
    the of at on a no not twenty fourth second third may march tuesday ten half past three dollars ninety dot com five
    oh double plus order number name is my to from noon in weeks be
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
