"""The audio of an utterance while it may still be needed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.asr.history import History


def ramp(start: int, end: int) -> np.ndarray:
    return np.arange(start, end, dtype=np.float32)


def test_samples_keep_their_numbers_when_earlier_ones_are_forgotten() -> None:
    history = History()
    history.append(ramp(0, 100))
    history.forget_before(40)
    history.append(ramp(100, 200_000))
    assert history.end == 200_000
    assert history.between(40, 45).tolist() == [40, 41, 42, 43, 44]
    assert history.between(0, 42).tolist() == [40, 41]
    assert history.between(199_998, 300_000).tolist() == [199_998, 199_999]
    assert history.between(10, 20).size == 0


def test_what_is_returned_is_not_touched_by_what_comes_later() -> None:
    history = History()
    history.append(ramp(0, 10))
    part = history.between(0, 10)
    history.forget_before(10)
    history.append(np.zeros(10, np.float32))
    assert part.tolist() == list(range(10))


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)), max_size=12))
def test_it_always_holds_what_was_not_forgotten(steps: list[tuple[int, int]]) -> None:
    history, end, kept = History(), 0, 0
    for size, forget in steps:
        history.append(ramp(end, end + size))
        end += size
        kept = max(kept, min(forget, end))
        history.forget_before(forget)
        assert np.array_equal(history.between(kept, end), ramp(kept, end))
