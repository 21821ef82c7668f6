"""The trained parts that turn a sentence into scores of intents: plain arrays, no library behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]


def softmax(logits: Array) -> Array:
    """Return probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def log_softmax(logits: Array) -> Array:
    """Return log-probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear map: `weight` of shape (in, out), `bias` of shape (out,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class Network:
    """Layers with ReLU between them, over the first `width` values of a sentence's wide vector.

    One layer makes a multinomial logistic regression, two a perceptron with a hidden layer. The last column of what
    comes out stands for "out of scope", the others for the labels.
    """

    width: int
    layers: tuple[Layer, ...]

    def __call__(self, vectors: Array) -> Array:
        """Return logits of shape (texts, labels + 1) for vectors of shape (texts, 1152)."""
        values = vectors[:, : self.width]
        for number, layer in enumerate(self.layers):
            values = (np.maximum(values, 0) if number else values) @ layer.weight + layer.bias
        return values


def combined(networks: Sequence[Array], lexical: Array, share: float) -> Array:
    """Return the intents' log-probabilities, not calibrated yet: a weighted geometric mean of all experts' opinions.

    Args:
        networks: each network's calibrated logits, shape (texts, labels + 1).
        lexical: the lexical expert's, same shape.
        share: what the lexical expert counts beside one network.
    """
    opinions = log_softmax(np.stack([*networks, lexical])[..., :-1])
    mixed = (opinions[:-1].mean(axis=0) + np.float32(share) * opinions[-1]) / np.float32(1 + share)
    return log_softmax(mixed)
