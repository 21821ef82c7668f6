"""Scores a text by a list of words, negation, intensifiers and contrast, as VADER does for English.

The rules and their constants are those of Hutto and Gilbert (2014); the words are a language's own.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.nlu.folding import folded

_TOKEN = re.compile(r"[^\W_]+|[!.,;:?]")
_ENDS = frozenset(".,;:?!")
_REACH = 4
"""As many words behind a negation are turned by it."""
_TURNED = -0.74
_STEP = 0.293
"""What an intensifier adds to the word behind it, and a dampener takes."""
_LOUD = 0.292
_MOST_LOUD = 3
_BEFORE_BUT, _BEHIND_BUT = 0.5, 1.5
_NORM = 15.0


@dataclass(frozen=True)
class Lexicon:
    """The words of one language; values from -4 (worst) to 4 (best), all words without accents.

    Attributes:
        words: word forms as they are.
        stems: adjectives without their endings: they count in all their forms.
        endings: pattern of an adjective's endings.
        phrases: several words that mean another thing together; negation inside them is part of them.
        negations: turn what is behind them: "no", "sin".
        intensifiers: strengthen what is behind them.
        dampeners: weaken it.
        contrasts: what is behind one counts more than what is before it: "pero".
    """

    words: Mapping[str, float]
    stems: Mapping[str, float]
    endings: str
    phrases: Mapping[tuple[str, ...], float]
    negations: frozenset[str]
    intensifiers: frozenset[str]
    dampeners: frozenset[str]
    contrasts: frozenset[str]
    _ending: re.Pattern[str] = field(init=False)
    _longest: int = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what every text needs."""
        object.__setattr__(self, "_ending", re.compile(rf"(?:{self.endings})$"))
        object.__setattr__(self, "_longest", max(map(len, self.phrases), default=0))

    def score(self, text: str) -> float:
        """Return how a text feels, from -1 to 1; 0 where no word of it says anything."""
        tokens = _TOKEN.findall(folded(text))
        values: list[float] = []
        turned = at = 0
        factor, first = 0.0, 0
        while at < len(tokens):
            token = tokens[at]
            size, value = self._phrase(tokens, at)
            if size:
                values.append(value)
                at, turned, factor = at + size, 0, 0.0
                continue
            at += 1
            if at < len(tokens) and f"{token} {tokens[at]}" in self.dampeners:  # "un poco" is no "poco"
                at, factor = at + 1, -_STEP
            elif token in self.contrasts:
                values[first:] = [value * _BEFORE_BUT for value in values[first:]]
                first = len(values)
                turned, factor = 0, 0.0
            elif token in _ENDS:
                turned, factor = 0, 0.0
            elif token in self.negations:
                turned = _REACH + 1
            elif token in self.intensifiers or token in self.dampeners:
                factor = _STEP if token in self.intensifiers else -_STEP
            else:
                value = self._value(token)
                if value:
                    value += math.copysign(1, value) * factor
                    values.append(value * _TURNED if turned else value)
                    factor = 0.0
            turned = max(turned - 1, 0)
        if first:
            values[first:] = [value * _BEHIND_BUT for value in values[first:]]
        total = sum(values)
        total += math.copysign(min(text.count("!"), _MOST_LOUD) * _LOUD, total) if total else 0.0
        return total / math.sqrt(total * total + _NORM)

    def _phrase(self, tokens: Sequence[str], at: int) -> tuple[int, float]:
        for size in range(min(self._longest, len(tokens) - at), 1, -1):
            value = self.phrases.get(tuple(tokens[at : at + size]))
            if value is not None:
                return size, value
        return 0, 0.0

    def _value(self, word: str) -> float:
        known = self.words.get(word)
        if known is not None:
            return known
        stem = self._ending.sub("", word)
        return self.stems.get(stem, 0.0) if stem != word else 0.0
