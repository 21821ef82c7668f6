"""How much of a transcript has stood already."""

import pytest

from services.asr.stability import stability


@pytest.mark.parametrize(
    ("before", "now", "share"),
    [
        (None, "I would", None),
        ("I would", "", None),
        ("I would", "...", None),
        ("", "I would", 0.0),
        ("I would", "I would", 1.0),
        ("I would", "I would like to", 0.5),
        ("I would like to", "I would", 1.0),
        ("I wood", "I would like", 1 / 3),
        ("You would", "I would", 0.0),
        ("I would like.", "i would Like, to", 0.75),
    ],
)
def test_the_share_of_words_that_stood(before: str | None, now: str, share: float | None) -> None:
    assert stability(before, now) == (None if share is None else pytest.approx(share))
