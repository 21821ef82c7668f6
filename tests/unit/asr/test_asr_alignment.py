"""Where words lie in an utterance, by loudness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.alignment import align, expected_length, loudness
from services.asr.tokens import ScoredWord


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """Return noise of so many seconds at each level."""
    random = np.random.default_rng(2)
    return np.concatenate([random.standard_normal(round(seconds * 16_000)) * level for seconds, level in parts]).astype(
        np.float32
    )


def words(text: str) -> list[ScoredWord]:
    return [ScoredWord(word, 0.5) for word in text.split()]


def test_words_lie_on_the_voiced_stretches_and_meet_in_the_pause() -> None:
    one, two = align(words("hello there"), sound((0.3, 1e-5), (0.4, 0.1), (0.5, 1e-5), (0.4, 0.1), (0.3, 1e-5)))
    assert (one.start_s, one.end_s) == pytest.approx((0.3, 0.7), abs=0.03)
    assert (two.start_s, two.end_s) == pytest.approx((1.2, 1.6), abs=0.03)
    assert one.confidence == 0.5


def test_a_boundary_moves_to_the_dip_nearby() -> None:
    one, two = align(words("ping pong"), sound((0.45, 0.1), (0.02, 0.01), (0.53, 0.1)))
    assert one.end_s == two.start_s == pytest.approx(0.46, abs=0.011)


def test_longer_words_get_more_room() -> None:
    short, long = align(words("a representative"), sound((1.0, 0.1)))
    assert long.end_s - long.start_s > 3 * (short.end_s - short.start_s)


@pytest.mark.parametrize(
    ("shorter", "longer"), [("at", "cat"), ("cake", "bakery"), ("though", "thorough"), ("4", "45"), ("the", "them")]
)
def test_the_expected_length_grows_with_the_sounds(shorter: str, longer: str) -> None:
    assert expected_length(shorter) < expected_length(longer)


@given(st.lists(st.sampled_from(["a", "4512", "hello,", "...", "strengths"]), max_size=30), st.integers(1, 20_000))
def test_times_never_run_backwards_or_out_of_the_audio(texts: list[str], size: int) -> None:
    samples = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    placed = align(words(" ".join(texts)), samples)
    assert [word.text for word in placed] == texts
    at = 0.0
    for word in placed:
        assert at <= word.start_s <= word.end_s <= max(size / 16_000, 0.01) + 1e-9
        at = word.start_s


def test_loudness_is_in_decibels_of_full_scale() -> None:
    assert loudness(np.full(320, 0.1, np.float32)).tolist() == pytest.approx([-20.0, -20.0], abs=0.01)
