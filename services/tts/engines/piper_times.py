"""When the words of a Piper utterance are spoken."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.tts.engines.piper_phonemes import Phoneme
from services.tts.engines.words import sounding
from services.tts.model import WordTime

_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")  # noqa: RUF001 - IPA
_SONORANTS = frozenset("lmnŋɱɲɳrɹɾɻʀʁjwɥʎɫɭʋ")  # noqa: RUF001 - IPA


def measured(
    phonemes: Sequence[Phoneme],
    owners: Sequence[int],
    durations: NDArray[np.float32],
    seconds: float,
    words: Sequence[str],
) -> list[WordTime]:
    """Return word times from the model's own durations, one for each id, in whatever unit.

    The model says how many frames it spends on each id, and its audio is those frames and nothing else; so an id's
    share of all frames is its share of the audio's length, whatever the frame's length in samples is.
    """
    bounds = np.concatenate(([0.0], np.cumsum(durations, dtype=np.float64)))
    if bounds[-1] <= 0:
        return []
    return _times([phonemes[o].word if o >= 0 else None for o in owners], bounds / bounds[-1] * seconds, words)


def estimated(
    phonemes: Sequence[Phoneme], audio: NDArray[np.float32], rate_hz: int, words: Sequence[str]
) -> list[WordTime]:
    """Return word times for a model that does not say how long its phonemes are: an estimate, not a measurement.

    The stretch between the first and the last sound is divided in proportion to usual lengths: vowels longer than
    consonants, a pause at a comma. A word may be off by about its own length in a long sentence.
    """
    if not phonemes or not audio.size:
        return []
    first, last = sounding(audio)
    weights = np.array([_weight(phoneme.symbol) for phoneme in phonemes])
    # What stands behind the last word is silence, which the stretch leaves out already.
    spoken = max((i + 1 for i, phoneme in enumerate(phonemes) if phoneme.word is not None), default=0)
    weights[spoken:] = 0
    bounds = np.concatenate(([0.0], np.cumsum(weights)))
    if bounds[-1] <= 0:
        return []
    return _times(
        [phoneme.word for phoneme in phonemes], (first + bounds / bounds[-1] * (last - first)) / rate_hz, words
    )


def _weight(symbol: str) -> float:
    """Return a symbol's usual length, a vowel's being 1."""
    if symbol in _VOWELS:
        return 1.0
    if symbol in ",;:.!?":
        return 3.0
    if symbol == "\N{MODIFIER LETTER TRIANGULAR COLON}":
        return 0.6
    if symbol.isspace() or not symbol.isalnum() or unicodedata.category(symbol) == "Lm":
        return 0.0  # stress and other marks take no time
    return 0.6 if symbol in _SONORANTS else 0.8


def _times(owners: Sequence[int | None], bounds: NDArray[np.float64], words: Sequence[str]) -> list[WordTime]:
    """Return each word's stretch: from the first to the last place it owns."""
    spans: dict[int, tuple[float, float]] = {}
    for place, word in enumerate(owners):
        if word is not None:
            start_s = spans[word][0] if word in spans else float(bounds[place])
            spans[word] = start_s, float(bounds[place + 1])
    return [WordTime(words[word], *span) for word, span in sorted(spans.items())]
