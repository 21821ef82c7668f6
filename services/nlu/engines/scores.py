"""What an engine's scorer says of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Scores:
    """What the words alone say.

    Attributes:
        log_probabilities: by intent.
        scope_margin: log-odds of being in scope less the threshold; negative means out of scope.
    """

    log_probabilities: Mapping[str, float]
    scope_margin: float


class Scorer(Protocol):
    """Scores the intents of one domain in one language; called from several threads at once."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Scores]:
        """Return what the words of each text alone say; one text or more."""
        ...
