"""What the benches count."""

import json
from pathlib import Path

import numpy as np
import pytest
from bargein import Trial, summarise
from resume import _compare
from rows import Row, cut_off, late, merge_into, percentile, share, waits
from sounds import cough, knocks


def row(first_audio_ms: float | None, *, cut: bool = False) -> Row:
    return Row("call", 0, "words", first_audio_ms, cut)


def test_a_turn_without_an_answer_is_late_and_no_wait():
    rows = [row(200.0), row(1_500.0), row(None), row(300.0, cut=True)]
    assert waits(rows) == [200.0, 1_500.0, 300.0]
    assert late(rows) == rows[1:3]
    assert cut_off(rows) == rows[3:]
    assert share(rows, late(rows)) == 0.5
    assert share([], []) == 0.0


def test_percentiles_are_interpolated():
    assert percentile([1.0, 2.0, 3.0], 0.5) == pytest.approx(2.0, abs=0.01)
    assert percentile([7.0], 0.95) == 7.0


def test_interruptions_and_false_alarms_are_counted_apart():
    trials = [Trial("words", "stop", 100.0, resumed=False), Trial("cough", "1", 50.0, resumed=True)]
    figures = summarise([*trials, Trial("feedback", "yes", 90.0, resumed=False)])
    assert (figures["interrupted"], figures["stop_p95_ms"], figures["resumed_rate"]) == (1, 100.0, 0.5)


def test_words_that_are_missing_or_come_twice_are_found():
    assert _compare("A cleaning, on Tuesday.", "a cleaning on tuesday") == (0, 0)
    assert _compare("a cleaning on Tuesday", "a cleaning on on") == (1, 1)


@pytest.mark.parametrize("make", [cough, knocks])
def test_noises_are_the_same_each_time(make):
    assert np.array_equal(make(3), make(3))
    assert np.abs(make(3)).max() > 3_000


def test_what_was_not_measured_this_time_stays_in_the_results(tmp_path: Path):
    results = tmp_path / "results" / "some.json"
    merge_into(results, {"sqlite": {"lost": 1}, "postgresql": {"lost": 0}})
    merge_into(results, {"sqlite": {"lost": 0}})
    assert json.loads(results.read_text()) == {"sqlite": {"lost": 0}, "postgresql": {"lost": 0}}
