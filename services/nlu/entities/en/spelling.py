"""How words are spelled in English."""

from services.nlu.entities.en.spelling_words import ICAO, SOUNDS
from services.nlu.entities.spelling import Letters, LetterWords, SpellingReader

WORDS = LetterWords(
    alphabet=ICAO,
    sounds=SOUNDS,
    spelled_as="as in",
    alike="for|like|is for",
    no_alike="i like ",
    repeats={"double": 2, "triple": 3},
    cue="spell(?:ed|ing|s|t)?|letters?|initials|code|postcode|post code|plate|registration",
    no_pairs=frozenset({"am", "pm", "ok", "us", "uk", "tv", "id", "ai", "ia", "ii", "aa"}),
)
LETTERS = Letters(WORDS)
read_spellings = SpellingReader(LETTERS, WORDS)
