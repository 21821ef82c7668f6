"""How likely an utterance is over, by its last words: "I got the wrong" is not, "the wrong colour came" may be.

The weights of a logistic regression, `<domains>/common/<language>/endings.tsv`, trained by tools/train_endings.py.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mesh.config import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

_LONGEST = 3
_MOST_COUNTED = 8
_BIAS = ""


def features(words: Sequence[str]) -> list[str]:
    """Return what is known of an utterance: its last words, alone and together, and how many there are."""
    padded = ["^"] * (_LONGEST - 1) + list(words)
    last = [" ".join(padded[-size:]) for size in range(1, _LONGEST + 1)]
    return [*last, f"#{min(len(words), _MOST_COUNTED)}"]


def probability(words: Sequence[str], weights: Mapping[str, float]) -> float | None:
    """Return how likely nothing follows these words, 0 to 1; None where nothing is known of the language."""
    if not weights:
        return None
    score = weights.get(_BIAS, 0.0) + sum(weights.get(name, 0.0) for name in features(words))
    return 1.0 / (1.0 + math.exp(-score))


def read_weights(path: "Path | Traversable") -> dict[str, float]:
    """Read a file of lines "feature, tab, weight"; empty where there is none.

    Raises:
        ConfigError: naming the line that is no such line.
    """
    if not path.is_file():
        return {}
    weights = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, tab, weight = line.rpartition("\t")
        try:
            weights[name] = float(weight) if tab else math.nan
        except ValueError:
            weights[name] = math.nan
        if math.isnan(weights[name]):
            raise ConfigError(f"{path}:{number}: {line!r} is no feature, tab and weight; see tools/train_endings.py")
    return weights
