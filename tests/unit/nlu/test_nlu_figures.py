import numpy as np
import pytest

from services.nlu.network import softmax
from services.nlu.training import figures
from services.nlu.training.figures import OUTSIDE, Predictions

LABELS = ("book", "cancel")


def predictions(outside: tuple[float, ...] = (-3.0, 0.5)) -> Predictions:
    """Four in-scope texts, the last told wrong and hardly in scope."""
    return Predictions(
        texts=("a", "b", "c", "d"),
        targets=np.array([0, 0, 1, 1]),
        logits=np.array([[4, 0], [2, 0], [0, 3], [1, 0]], np.float32),
        scope=np.array([3.0, 2.0, 1.0, -1.0], np.float32),
        outside_texts=tuple("xyz"[: len(outside)]),
        outside_logits=np.array([[1.0, 0.0]] * len(outside), np.float32).reshape(len(outside), 2),
        outside_scope=np.array(outside, np.float32),
    )


def test_points_run_from_keeping_everything_to_finding_everything() -> None:
    points = figures.operating_points(predictions())
    assert [(round(p.accuracy, 2), round(p.kept, 2), p.recall) for p in points] == [
        (0.75, 1.0, 0.0), (0.75, 1.0, 0.5), (0.75, 0.75, 0.5), (0.75, 0.75, 1.0), (0.5, 0.5, 1.0), (0.25, 0.25, 1.0),
    ]  # fmt: skip
    for point in points:
        assert figures.at(predictions(), point.threshold) == point


def test_the_point_picked_costs_no_more_than_allowed() -> None:
    points = figures.operating_points(predictions((-3.0, 1.5)))
    assert figures.pick(points, 0.0).recall == 0.5
    assert figures.pick(points, 0.5).recall == 1.0


def test_without_texts_out_of_scope_everything_is_kept() -> None:
    point = figures.pick(figures.operating_points(predictions(())), 0.5)
    assert (point.threshold, point.kept, point.recall) == (float("-inf"), 1.0, None)


def test_calibration_error_is_the_distance_of_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10, np.float32)
    targets = np.array([0] * 10 + [0] * 4 + [1] * 6)
    bins = figures.calibration(probabilities, targets)
    assert [(b.count, round(b.confidence, 2), b.accuracy) for b in bins] == [(10, 0.65, 0.4), (10, 0.95, 1.0)]
    assert figures.calibration_error(bins) == pytest.approx(0.5 * 0.25 + 0.5 * 0.05, abs=1e-6)
    assert figures.calibration_error([]) == 0.0


def test_the_temperature_makes_confidence_right() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, 4000)
    guesses = np.where(rng.random(4000) < 0.7, targets, (targets + 1) % 3)
    logits = 5 * np.eye(3, dtype=np.float32)[guesses]
    temperature = figures.best_temperature(logits, targets)
    confidence = softmax(logits / np.float32(temperature)).max(axis=1).mean()
    assert confidence == pytest.approx(0.7, abs=0.03)


def test_confusions_name_what_was_taken_for_what() -> None:
    rows = figures.judged(predictions(), LABELS, 0.0)
    found = [(c.intent, c.taken_for, c.count, c.share, c.texts) for c in figures.confusions(rows)]
    assert found == [("cancel", OUTSIDE, 1, 0.5, ("d",)), (OUTSIDE, "book", 1, 0.5, ("y",))]
    everything = figures.judged(predictions(), LABELS, float("-inf"))
    assert ("cancel", "book") in {(c.intent, c.taken_for) for c in figures.confusions(everything)}


def test_a_handful_of_texts_that_are_all_told_right_makes_no_answer_certain() -> None:
    logits = np.array([[0.1, 0], [0.1, 0], [0, 0.1], [0, 0.1]], np.float32)
    found = softmax(logits / np.float32(figures.best_temperature(logits, np.array([0, 0, 1, 1]))))
    assert found.max() == pytest.approx(5 / 6, abs=0.01)  # four of four right, one of two doubted


def test_the_temperature_of_many_texts_is_the_one_they_were_made_with() -> None:
    chance = np.random.default_rng(3)
    logits = chance.normal(size=(4000, 5)).astype(np.float32) * 3
    said = np.cumsum(softmax(logits / 2), axis=1)
    targets = np.minimum((said < chance.random((4000, 1))).sum(axis=1), 4)
    assert figures.best_temperature(logits, targets) == pytest.approx(2.0, rel=0.1)
