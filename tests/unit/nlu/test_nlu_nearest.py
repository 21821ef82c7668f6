import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.nlu.nearest import NEAR_LABELS, Near, nearest, of_text, weighed
from services.nlu.network import softmax

COSINES = st.sampled_from([-0.5, 0.0, 0.1, 0.2, 0.25, 0.5, 0.9])


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_nearest_few_are_counted() -> None:
    scores, cosine, shares = of_text([floats(0.9, 0.8), floats(0.1, 0.7, 0.6, 0.5, 0.4)])
    assert cosine == pytest.approx(0.7)
    assert shares.tolist() == pytest.approx([2 / 7, 5 / 7])
    assert scores[0] == pytest.approx(np.log((np.exp(36) + np.exp(32)) / 2), abs=1e-4)
    assert scores[0] > scores[1]


@given(st.lists(st.lists(COSINES, max_size=20), min_size=1, max_size=4))
def test_they_are_those_of_a_full_sort(said: list[list[float]]) -> None:
    parts = [floats(*part) for part in said]
    everything = np.concatenate(parts)
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    scores, cosine, shares = of_text(parts)
    order = np.argsort(-everything, kind="stable")
    if len(everything):
        assert cosine == pytest.approx(float(everything[order[:5]].mean()))
        assert shares.sum() == pytest.approx(1.0)
    for place, part in enumerate(parts):
        assert shares[place] == pytest.approx(float((owners[order[:10]] == place).sum()) / max(len(order[:10]), 1))
        best = np.sort(part)[::-1][:5].astype(float)
        assert scores[place] == pytest.approx(float(np.log(np.exp(40 * best).mean())) if len(best) else -40.0, abs=1e-3)


def test_only_the_likeliest_labels_are_looked_at_and_the_others_get_the_least_score() -> None:
    count = NEAR_LABELS + 3
    examples, starts = np.eye(count, dtype=np.float32), np.arange(count + 1)
    logs = np.log(softmax(np.arange(count, dtype=np.float32)[None, :]))
    near = nearest(np.eye(count, dtype=np.float32)[[5]], logs, examples, starts)
    assert near.labels.tolist() == [list(range(count - 1, 2, -1))]
    assert near.signs(logs).tolist() == [[pytest.approx(0.2), pytest.approx(0.1)]]
    both = weighed(logs, near, 0.5)
    assert np.exp(both).sum() == pytest.approx(1.0)
    assert int(both.argmax()) == 5
    assert both[0, 1] - both[0, 0] == pytest.approx(logs[0, 1] - logs[0, 0], abs=1e-4)


def test_without_a_share_nothing_changes() -> None:
    logs = np.log(softmax(floats(1, 2)[None, :]))
    near = Near(np.array([[1, 0]]), floats(9, -9)[None, :], floats(0.5), floats(1, 0)[None, :])
    assert weighed(logs, near, 0.0).tolist() == logs.tolist()
    assert weighed(logs, near, 0.1)[0, 1] > logs[0, 1]
