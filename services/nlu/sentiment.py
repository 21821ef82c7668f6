"""How the speaker feels, from the words alone."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from services.nlu.feelings.es import SPANISH
from services.nlu.model import Sentiment


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def _english(text: str) -> float:
    return float(_analyzer().polarity_scores(text)["compound"])


_SCORERS: Final[Mapping[str, Callable[[str], float]]] = {"en": _english, "es": SPANISH.score}


def sentiment(text: str, language: str) -> Sentiment | None:
    """Return how a text feels, -1 to 1; it has no confidence of its own.

    English is scored by VADER's compound score (Hutto and Gilbert 2014), Spanish by the project's own words and VADER's
    rules. None for other languages, for a guess of 0 would look like a measured one.
    """
    score = _SCORERS.get(language.lower().split("-")[0])
    return Sentiment(score=score(text)) if score is not None else None
