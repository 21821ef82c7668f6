"""What is found in English texts: the table of cases, values said and read back, and what the table cannot say."""

import itertools
import re
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import entities
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.nlu.domains import bundled_domains, load_domains
from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.grammar import BUILT_IN_TYPES, grammar_of, languages
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity, TimedWord

CASES = entities.cases(entities.TABLES / "entity_cases_en.yaml")
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("America/New_York"))
_ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
ONES = _ONES.split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = _TENS.split()
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
"""
ORDINALS = _ORDINALS.split()
_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split()


def read(text: str, *expected: str, reference: datetime = FRIDAY, **context: Any) -> tuple[Entity, ...]:
    return extract(SpokenText(text), Context(reference=reference, expected=expected, **context), BUILT_IN_TYPES)


def words(number: int) -> str:
    if number < 20:
        return ONES[number]
    ten, one = divmod(number, 10)
    return TENS[ten - 2] + (f" {ONES[one]}" if one else "")


def ordinal(number: int) -> str:
    if number <= 20:
        return ORDINALS[number - 1]
    return "thirtieth" if number == 30 else f"{TENS[number // 10 - 2]} {ORDINALS[number % 10 - 1]}"


def parameters() -> list[Any]:
    """Each case; one that is known to fail has to fail, so that its line goes once it is read right."""
    return [
        pytest.param(
            case,
            id=f"{case.text}/{'/'.join(case.expected)}",
            marks=[pytest.mark.xfail(reason=case.fails, strict=True)] if case.fails else [],
        )
        for case in CASES
    ]


def test_the_table_is_long_enough_holds_all_types_and_no_case_twice() -> None:
    keys = [(case.text, case.language, case.expected, case.reference) for case in CASES]
    assert len(keys) >= 300
    assert len(set(keys)) == len(keys)
    assert {entity[0] for case in CASES for entity in case.found} == set(BUILT_IN_TYPES)


@pytest.mark.parametrize("case", parameters())
def test_finds_what_was_said_and_nothing_else(case: entities.Case) -> None:
    outcome = entities.outcome(case)
    assert outcome.found == case.found
    for entity in outcome.entities:
        assert case.text[entity.start_char : entity.end_char] == entity.raw
        assert 0 < entity.confidence <= 1


@pytest.mark.parametrize("said", ["not before wednesday", "no later than friday", "never after three o'clock"])
def test_what_only_bounds_is_too_doubtful_to_be_taken(said: str) -> None:
    (found,) = read(said)
    assert found.confidence is not None
    assert found.confidence < 0.5


@given(st.dates(date(1927, 1, 1), date(2026, 11, 19)), st.booleans())
def test_a_date_of_birth_is_read_back_with_its_short_year(day: date, in_figures: bool) -> None:
    year = words(day.year % 100) if day.year % 100 >= 10 else f"oh {words(day.year % 100)}"
    said = f"{words(day.month)} {words(day.day)}" if in_figures else f"{MONTHS[day.month - 1]} {ordinal(day.day)}"
    found = [e for e in read(f"my date of birth is {said} {year}") if e.type == "date"]
    assert [e.value for e in found] == [day.isoformat()]


def test_the_summary_counts_every_table_and_names_what_is_new() -> None:
    summary = entities.summary()
    assert summary["cases"] >= 400
    assert summary["cases"] == sum(group["cases"] for group in summary["languages"].values())
    english = summary["languages"]["en"]
    assert english["passed"] + english["known_failures"] == english["cases"]
    assert set(english["types"]) >= set(BUILT_IN_TYPES)
    assert not {case["text"] for case in summary["unexpected"]} & {case.text for case in CASES}


@given(st.dates(date(2026, 11, 20), date(2027, 11, 19)), st.booleans())
def test_a_day_said_by_its_month_is_read_back(day: date, month_first: bool) -> None:
    month, number = MONTHS[day.month - 1], ordinal(day.day)
    said = f"on {month} the {number}" if month_first else f"on the {number} of {month}"
    assert [(e.type, e.value) for e in read(said)] == [("date", day.isoformat())]


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_said_with_its_half_of_the_day_is_read_back(hour: int, minute: int) -> None:
    clock = words((hour - 1) % 12 + 1)
    if minute:
        clock += f" oh {words(minute)}" if minute < 10 else f" {words(minute)}"
    said = f"at {clock} {'a.m.' if hour < 12 else 'p.m.'}"
    assert [(e.type, e.value) for e in read(said)] == [("time", f"{hour:02d}:{minute:02d}")]


@given(st.integers(1, 12), st.sampled_from([("quarter past", 15), ("half past", 30), ("quarter to", -15)]))
def test_a_time_said_by_quarters_keeps_both_halves_of_the_day(hour: int, said: tuple[str, int]) -> None:
    (time,) = read(f"{said[0]} {words(hour)}")
    half_day = (hour * 60 + said[1]) % 720
    both = {f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in (half_day, half_day + 720)}
    assert {time.value, *time.alternatives} == both


@given(st.integers(200, 989), st.integers(200, 989), st.integers(0, 9999), st.booleans())
def test_a_phone_number_is_read_back_digit_by_digit(area: int, exchange: int, line: int, doubled: bool) -> None:
    assume("11" not in {str(area)[1:], str(exchange)[1:]})
    digits = f"{area}{exchange}{line:04d}"
    runs = [(key, len(list(group))) for key, group in itertools.groupby(digits)]
    said = []
    for digit, count in runs:
        word = "oh" if digit == "0" else ONES[int(digit)]
        said += [f"double {word}"] if doubled and count == 2 else [word] * count
    (phone,) = read("my number is " + " ".join(said), "phone")
    assert (phone.type, phone.value) == ("phone", f"+1{digits}")


LABEL = st.text("bcdfghjklmnpqrstvwxyz", min_size=3, max_size=8)


@given(st.lists(LABEL, min_size=1, max_size=3), LABEL, st.sampled_from([("dot", "."), ("underscore", "_")]))
def test_an_address_is_read_back_as_spoken(names: list[str], domain: str, sign: tuple[str, str]) -> None:
    said = f" {sign[0]} ".join(names) + f" at {domain} dot com"
    (email,) = read(f"my email is {said}", "email")
    assert email.value == f"{sign[1].join(names)}@{domain}.com"


@given(st.integers(1, 99), st.integers(10, 99), st.sampled_from([("dollars", "USD"), ("euros", "EUR")]))
def test_an_amount_is_read_back(whole: int, cents: int, currency: tuple[str, str]) -> None:
    (money,) = read(f"{words(whole)} {currency[0]} {words(cents)}")
    assert (money.type, money.value) == ("money", f"{whole}.{cents} {currency[1]}")


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=10))
def test_a_word_is_read_back_letter_by_letter(word: str) -> None:
    (spelling,) = read("it's spelled " + " ".join(word.lower()), "spelling")
    assert (spelling.type, spelling.value) == ("spelling", word)


@given(st.integers(2, 90), st.sampled_from([("days", "P{}D"), ("weeks", "P{}W"), ("minutes", "PT{}M")]))
def test_a_length_is_read_back(count: int, unit: tuple[str, str]) -> None:
    (duration,) = read(f"it takes {words(count)} {unit[0]}")
    assert (duration.type, duration.value) == ("duration", unit[1].format(count))


@given(st.integers(1, 60), st.dates(date(2024, 1, 1), date(2030, 12, 31)))
def test_days_ahead_are_counted_on_the_speakers_calendar(count: int, today: date) -> None:
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=FRIDAY.tzinfo)
    (found,) = read(f"in {words(count)} days" if count > 1 else "tomorrow", reference=noon)
    assert found.value == (today + timedelta(days=count)).isoformat()


_SAID = """
    uh the of at on a no not sorry twenty fourth second third may march tuesday ten half past three dollars ninety dot
    com five oh double plus order number name is my to from noon in weeks be i mean between and s m i t h as bravo
    street baker kilo dozen percent an hour days february twentieth 0th 31st 29th through year quarter extension
    christmas end month next
"""
SAID = _SAID.split()
FIGURES = st.one_of(st.integers(0, 60), st.integers(0, 10**40)).map(str)


@given(st.lists(st.one_of(st.sampled_from(SAID), st.text(max_size=5), FIGURES), max_size=14).map(" ".join))
def test_any_text_is_read_and_places_are_right(text: str) -> None:
    for expected in ((), ("date", "time"), ("phone", "money"), ("person_name", "spelling")):
        found = read(text, *expected)
        for entity in found:
            assert text[entity.start_char : entity.end_char] == entity.raw
            assert entity.raw
            assert entity.value
        for one, other in itertools.pairwise(found):
            assert one.end_char <= other.start_char


def test_fillers_between_words_keep_the_times_in_the_audio() -> None:
    said = "on the uh twelfth i mean the thirteenth"
    timed = tuple(TimedWord(word, index * 0.5, index * 0.5 + 0.4) for index, word in enumerate(said.split()))
    (day,) = extract(SpokenText(said), Context(reference=FRIDAY), BUILT_IN_TYPES, timed)
    assert (day.raw, day.start_s, day.end_s) == ("the thirteenth", 3.0, 3.9)


def test_a_word_is_timed_where_it_stands_by_itself() -> None:
    timed = (TimedWord("a", 1.0, 1.1), TimedWord("week", 1.2, 1.5), TimedWord("today", 1.6, 2.0))
    (day,) = extract(SpokenText("at last a week today"), Context(reference=FRIDAY), BUILT_IN_TYPES, timed)
    assert (day.raw, day.start_s, day.end_s) == ("a week today", 1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("the, uh, twelfth", "the 12th"),
        ("Tuesday, um.", "tuesday."),
        ("tues- tuesday at at three", "tuesday at 3"),
        ("eight hundred five five five", "800 5 5 5"),
        ("forty uh nine", "49"),
        ("mm-hmm yes", "mm-hmm yes"),
    ],
)
def test_what_means_nothing_is_left_out_of_the_canonical_text(text: str, canonical: str) -> None:
    assert SpokenText(text).canonical == canonical


def test_languages_are_folders_and_others_read_the_domains_words_only() -> None:
    assert "en" in languages()
    assert grammar_of("en-GB") is grammar_of("en")
    context = Context(reference=FRIDAY, gazetteers={"service": {"cleaning": ("detartrage",)}})
    found = extract(SpokenText("un detartrage mardi", "fr"), context, ("service", "date"))
    assert [(e.type, e.value) for e in found] == [("service", "cleaning")]


def test_a_domain_may_name_any_built_in_type(tmp_path: Path) -> None:
    shutil.copytree(bundled_domains() / "common", tmp_path / "common")
    shutil.copytree(bundled_domains() / "clinic", tmp_path / "clinic")
    file = tmp_path / "clinic" / "domain.yaml"
    named = f"entity_types: [service, {', '.join(BUILT_IN_TYPES)}]"
    file.write_text(re.sub(r"entity_types: \[.*?\]", named, file.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    assert set(load_domains(tmp_path)["clinic"].file.entity_types) == {"service", *BUILT_IN_TYPES}


def test_a_domain_without_ranges_keeps_their_days_and_times() -> None:
    old = ("date", "time")
    found = extract(SpokenText("from monday to wednesday"), Context(reference=FRIDAY), old)
    assert [(e.type, e.value) for e in found] == [("date", "2026-11-23"), ("date", "2026-11-25")]
    (weekend,) = extract(SpokenText("this weekend"), Context(reference=FRIDAY), old)
    assert (weekend.value, weekend.alternatives) == ("2026-11-21", ("2026-11-22",))
