"""What is read in words, and which word it came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.normalise import normalise


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Order A4512 is late.", "Order eh 4 5 1 2 is late."),
        ("BX-17 and AB12C", "B X 1 7 and eh B 1 2 C"),
        ("$49.90, $1 and $0.50", "49 dollars and 90 cents, 1 dollar and 50 cents"),
        ("£2.01 or 1,234.56 USD", "2 pounds and 1 penny or 1,234 dollars and 56 cents"),
        ("5€ or $3 million", "5 euros or 3 million dollars"),
        ("At 10:30, 10:00, 3:05 PM and 10 a.m.", "At 10 30, 10 o'clock, 3 oh 5 p.m. and 10 a.m."),
        ("15:30 and 00:15", "3 30 p.m. and 12 15 a.m."),
        ("Call +1 212 555 0123.", "Call plus 1, 2 1 2, 5 5 5, 0 1 2 3."),
        ("(212) 555-0123 or 2125550123", "2 1 2, 5 5 5, 0 1 2 3 or 2 1 2 5 5 5 0 1 2 3"),
        ("On 2026-11-24.", "On November 24th, 2026."),
        ("2026-11-01 and 2026-11-22", "November 1st, 2026 and November 22nd, 2026"),
        ("2026-01-13 and 2026-01-03", "January 13th, 2026 and January 3rd, 2026"),
        ("Dr. Smith, e.g. Mrs. Lee etc.", "Doctor Smith, for example Missis Lee et cetera"),
        ("St. James, No. 5 and #3", "Saint James, number 5 and number 3"),
        # Left as they are: the phonemiser reads them well, or they are something else.
        ("3.30 and 1990-2000", "3.30 and 1990-2000"),
        ("B2B, MP3, 10:30:15, 25:00 and 2026-13-01", "B2B, MP3, 10:30:15, 25:00 and 2026-13-01"),
        ("a.b@example.com", "a.b@example.com"),
        ("No. Yes.", "No. Yes."),
    ],
)
def test_english(text: str, spoken: str) -> None:
    assert normalise(text, "en-US").text == spoken


def test_other_languages_pass_unchanged() -> None:
    assert normalise("Dr. Meier um 10:00 für $5", "de-DE").text == "Dr. Meier um 10:00 für $5"


def test_words_are_as_they_were_written() -> None:
    spoken = normalise('He said "A4512" – +1 212 555 0123, ok?', "en")  # noqa: RUF001
    assert spoken.words == ("He", "said", "A4512", "+1 212 555 0123", "ok")
    at = {word: {spoken.text[i] for i, o in enumerate(spoken.origins) if o == n} for n, word in enumerate(spoken.words)}
    assert {"4", "5", "1", "2", "e", "h"} <= at["A4512"]
    assert spoken.word_at(spoken.text.index("plus")) == 3
    assert spoken.word_at(spoken.text.index("ok")) == 4
    assert spoken.word_at(2) is None
    assert spoken.word_at(-1) is None
    assert spoken.word_at(len(spoken.text)) is None
    assert spoken.words_before(spoken.text.index("ok")) == 4
    assert spoken.words_before(0) == 0


@given(st.text(st.sampled_from("aA1 .,:$#-+@\n5No€é你"), max_size=60), st.sampled_from(["en-GB", "de"]))
def test_every_character_knows_its_word(text: str, language: str) -> None:
    spoken = normalise(text, language)
    assert len(spoken.text) == len(spoken.origins)
    named = [origin for origin in spoken.origins if origin >= 0]
    assert named == sorted(named)
    assert set(named) == set(range(len(spoken.words)))
