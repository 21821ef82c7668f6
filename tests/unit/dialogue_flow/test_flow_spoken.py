"""How values are read aloud, and which values are none."""

import pytest

from services.dialogue.flow.spoken import English, normal_value, spoken_forms

ENGLISH = English()


@pytest.mark.parametrize(
    ("form", "value", "words"),
    [
        ("day", "2026-11-26", "Thursday, November 26th"),
        ("day", "2026-12-01", "Tuesday, December 1st"),
        ("day", "2027-01-02", "Saturday, January 2nd"),
        ("day", "2026-11-23", "Monday, November 23rd"),
        ("day", "2026-11-11", "Wednesday, November 11th"),
        ("weekday", "2026-11-22", "Sunday"),
        ("clock", "10:00", "10 in the morning"),
        ("clock", "00:00", "midnight"),
        ("clock", "00:15", "12:15 in the morning"),
        ("clock", "12:00", "noon"),
        ("clock", "12:05", "12:05 in the afternoon"),
        ("clock", "15:30", "3:30 in the afternoon"),
        ("clock", "18:00", "6 in the evening"),
        ("spell", "A4512", "A 4 5 1 2"),
        ("spell", "ab-77", "A B 7 7"),
        ("phone", "+15550123456", "1 5 5 5, 0 1 2, 3 4 5 6"),
        ("phone", "+442079460958", "4 4 2 0 7, 9 4 6, 0 9 5 8"),
        ("phone", "110", "1 1 0"),
        ("money", "49.90 USD", "49 dollars and 90 cents"),
        ("money", "1 USD", "1 dollar"),
        ("money", "90.00 EUR", "90 euros"),
        ("money", "0.01 GBP", "1 penny"),
        ("money", "2.50 GBP", "2 pounds and 50 pence"),
        ("money", "5 XYZ", "5 XYZ"),
        ("money", "-5 USD", "-5 USD"),
        ("money", "much", "much"),
        ("email", "sarah.miller@example.com", "sarah dot miller at example dot com"),
        ("first_name", "Sarah Jane Miller", "Sarah"),
    ],
)
def test_spoken_form(form: str, value: str, words: str) -> None:
    assert ENGLISH.filters()[form](value) == words


def test_lists() -> None:
    assert ENGLISH.either([]) == ""
    assert ENGLISH.either(["a"]) == "a"
    assert ENGLISH.either(["a", "b"]) == "a or b"
    assert ENGLISH.listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("date", "2026-11-26", "2026-11-26"),
        ("date", " 20261126 ", "2026-11-26"),
        ("date", "2026-02-30", None),
        ("date", "tomorrow", None),
        ("time", "9:30", None),
        ("time", "09:30:59", "09:30"),
        ("time", "25:00", None),
        ("number", "3.5", "3.5"),
        ("number", "three", None),
        ("money", "49.90 USD", "49.90 USD"),
        ("money", "Infinity USD", None),
        ("phone", "+15550123456", "+15550123456"),
        ("phone", "+1", None),
        ("person_name", "  Ann ", "Ann"),
        ("person_name", "   ", None),
        ("person_name", "x" * 501, None),
    ],
)
def test_normal_value(kind: str, value: str, normal: str | None) -> None:
    assert normal_value(kind, value) == normal


@pytest.mark.parametrize(("tag", "known"), [("en", True), ("EN-gb", True), ("de", False), ("", False)])
def test_languages(tag: str, known: bool) -> None:
    assert (spoken_forms(tag) is not None) is known


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("date", "2026-11-26", "Thursday, November 26th"),
        ("order_number", "B7", "B 7"),
        ("service", "root_canal", "root canal"),
    ],
)
def test_forms_by_type(kind: str, value: str, words: str) -> None:
    assert ENGLISH.of_type(kind, value) == words
