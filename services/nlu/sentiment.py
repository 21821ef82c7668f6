"""How the speaker feels, from the words alone."""

from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from services.nlu.model import Sentiment


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def sentiment(text: str, language: str) -> Sentiment | None:
    """Return VADER's compound score of a text (Hutto and Gilbert 2014); it has no confidence of its own.

    VADER knows English words only: None for other languages, for a guess of 0 would look like a measured one.
    """
    if language.lower().split("-")[0] != "en":
        return None
    return Sentiment(score=float(_analyzer().polarity_scores(text)["compound"]))
