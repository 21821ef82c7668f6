"""What tells in scope from out of scope: eight signs, weighed by a logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.nlu.network import Array

SIGNS = (
    "log-probability of the likeliest intent",
    "its lead over the second",
    "the networks' log-odds of out of scope",
    "the networks' energy: log of the sum of exp(logits)",
    "the lexical expert's score of out of scope",
    "its score of the likeliest intent",
    "mean cosine to the five nearest training examples",
    "share of the ten nearest that have the likeliest intent",
)


def signs(experts: "Experts", near: Array) -> Array:
    """Return the eight signs, float32 of shape (texts, 8).

    The energy is that of Liu et al. 2020 ("Energy-based Out-of-distribution Detection").

    Args:
        experts: what the experts say.
        near: the two signs of the nearest examples, as `Near.signs` returns them, shape (texts, 2).
    """
    second, first = np.partition(experts.log_probabilities, (-2, -1), axis=1)[:, -2:].T
    networks = np.stack(experts.networks)
    energy = _log_sum(networks[..., :-1])
    outside = networks[..., -1]
    columns = [
        first,
        first - second,
        _log_odds(outside - np.logaddexp(energy, outside)).mean(axis=0),
        energy.mean(axis=0),
        experts.lexical[:, -1],
        experts.lexical[:, :-1].max(axis=1),
        near[:, 0],
        near[:, 1],
    ]
    return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Experts:
    """What each expert says of some texts, and what they say together.

    Attributes:
        networks: each network's calibrated logits, shape (texts, labels + 1); the last column is out of scope.
        lexical: the lexical expert's, same shape.
        log_probabilities: of the intents, all experts together, not calibrated; shape (texts, labels).
    """

    networks: Sequence[Array]
    lexical: Array
    log_probabilities: Array


@dataclass(frozen=True, slots=True)
class Scope:
    """The detector: log-odds of being in scope are `weight @ signs + bias`; under the threshold it is out of scope."""

    weight: Array
    bias: float
    threshold: float

    def log_odds(self, found: Array) -> Array:
        """Return the log-odds, shape (texts,), of signs of shape (texts, 8)."""
        return found @ self.weight + np.float32(self.bias)


EVERYTHING = Scope(np.zeros(len(SIGNS), np.float32), 0.0, float("-inf"))
"""The detector where training had no out-of-scope texts: everything is in scope."""


def _log_odds(log_probability: Array) -> Array:
    bounded = np.clip(log_probability, -30.0, -1e-6)
    result: Array = bounded - np.log(-np.expm1(bounded))
    return result


def _log_sum(logits: Array) -> Array:
    highest = logits.max(axis=-1)
    result: Array = np.log(np.exp(logits - highest[..., None]).sum(axis=-1)) + highest
    return result
