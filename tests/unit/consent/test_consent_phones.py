"""Telephone numbers come down to one form, or are refused with advice."""

import pytest

from services.consent.phones import normalise


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+15550123456", "+15550123456"),
        ("+447911123456", "+447911123456"),
        ("+4407911123456", "+447911123456"),
        ("+44 7911 123456", "+447911123456"),
        ("+390612345678", "+390612345678"),  # Italy keeps its zero
    ],
)
def test_one_form(written: str, expected: str) -> None:
    assert normalise(written) == expected
    assert normalise(expected) == expected


@pytest.mark.parametrize("written", ["+1555", "+155501234567890", "5550123456", "+", "+999123456", "hello"])
def test_what_is_no_number_is_refused_with_advice(written: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        normalise(written)
