import numpy as np
import pytest

from services.nlu.network import Layer, Network, combined, log_softmax, softmax
from services.nlu.scope import EVERYTHING, SIGNS, Experts, Scope, signs


def logits(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_network_sees_the_beginning_of_the_vector_and_has_a_hidden_layer() -> None:
    hidden = Layer(np.array([[1, -1], [0, 0]], np.float32), np.array([0, 0.5], np.float32))
    last = Layer(np.array([[2, 0], [0, 3]], np.float32), np.array([0, 1], np.float32))
    network = Network(2, (hidden, last))
    assert network(logits((1, 9, 7), (-1, 9, 7))).tolist() == [[2.0, 1.0], [0.0, 5.5]]


def test_all_experts_together_are_a_distribution_and_agreement_is_sure() -> None:
    one, other = logits((3, 0, -9)), logits((2, 0, -9))
    both = combined([one, one], one, 1.0)
    assert np.exp(both).sum() == pytest.approx(1.0)
    assert np.allclose(both, log_softmax(one[:, :-1]))
    assert combined([one], other, 0.0)[0, 0] > combined([one], other, 2.0)[0, 0]
    assert softmax(logits((0, 0)))[0].tolist() == [0.5, 0.5]


def experts(sure: float, outside: float) -> Experts:
    network = logits((sure, 0, outside))
    return Experts([network], logits((1, -1, outside)), combined([network], logits((1, -1, outside)), 0.5))


def test_signs_tell_the_sure_from_the_strange() -> None:
    near, far = np.array([[0.9, 1.0]], np.float32), np.array([[0.2, 0.1]], np.float32)
    known, strange = signs(experts(5, -4), near)[0], signs(experts(0.1, 3), far)[0]
    assert known.shape == (len(SIGNS),)
    higher = [0, 1, 3, 6, 7]  # probability, lead, energy, cosine, neighbours
    lower = [2, 4]  # what the experts themselves call out of scope
    assert all(known[place] > strange[place] for place in higher)
    assert all(known[place] < strange[place] for place in lower)


def test_signs_are_finite_however_sure_an_expert_is() -> None:
    assert np.isfinite(signs(experts(500, -500), np.zeros((1, 2), np.float32))).all()
    assert np.isfinite(signs(experts(-500, 500), np.zeros((1, 2), np.float32))).all()


def test_signs_are_what_their_names_say() -> None:
    chance = np.random.default_rng(5)
    one, other, lexical = chance.normal(size=(3, 4, 6)).astype(np.float32) * 3
    together = combined([one, other], lexical, 0.5)
    found = signs(Experts([one, other], lexical, together), np.full((4, 2), 0.5, np.float32))
    likely = np.sort(together, axis=1)
    outside = [np.log(p[:, -1] / (1 - p[:, -1])) for p in (softmax(one), softmax(other))]
    energy = [np.log(np.exp(logits[:, :-1]).sum(axis=1)) for logits in (one, other)]
    names = [likely[:, -1], likely[:, -1] - likely[:, -2], sum(outside) / 2, sum(energy) / 2, lexical[:, -1]]
    assert np.allclose(found[:, :5], np.stack(names, axis=1), atol=1e-4)
    assert np.allclose(found[:, 5], lexical[:, :-1].max(axis=1))


def test_without_a_detector_everything_is_in_scope() -> None:
    found = np.full((1, len(SIGNS)), -100, np.float32)
    assert float(EVERYTHING.log_odds(found)[0]) - EVERYTHING.threshold == float("inf")
    detector = Scope(np.ones(len(SIGNS), np.float32), 1.0, 0.0)
    assert detector.log_odds(found).tolist() == [1.0 - 100 * len(SIGNS)]
