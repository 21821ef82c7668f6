"""Whether the caller has finished: judged by what was said, not by silence alone.

The recogniser tells of a pause after a tenth of a second. How long it must last to end the turn depends on how
complete the words are in the light of what the conversation waits for: a whole answer ends at the shortest pause,
a sentence that must go on ("on the", five digits of ten) at the longest.
"""

import re
from collections.abc import Set as AbstractSet
from enum import Enum

from services.dialogue.policy import Entity, Expectation, TurnTaking, Understanding
from services.dialogue.turns.endings import probability
from services.dialogue.turns.habits import Habits, made_of, words_of

_GOES_ON = re.compile(r"(-|\u2013|\u2014|\u2026|\.\.\.)\s*$")
_SURE = 0.5
"""An intent less probable than this is no sign of a whole sentence."""
_CLEAR = 0.4
"""A last word less probable than this may be half a word."""
_HARDLY_OVER, _MAYBE_OVER = 0.06, 0.12
"""Seven in ten beginnings of utterances are less probably over than the first, and one in twenty whole ones."""


class Ending(Enum):
    """How an utterance ends. The value is the part of the way from the shortest to the longest pause it waits for."""

    COMPLETE = 0.0
    BRIEF = 0.1
    """Whole, but such words are often the beginning of more: "Yes. Please do." """
    UNCERTAIN = 0.3
    """It may be over or not."""
    DOUBTFUL = 0.4
    """It would be odd to end here."""
    UNFINISHED = 1.0


def ending(
    text: str,
    expectation: Expectation,
    understanding: Understanding,
    habits: Habits,
    *,
    last_word: float | None = None,
    closing: bool = False,
) -> Ending:
    """Judge how a transcript ends.

    Args:
        text: what was said so far.
        expectation: what the conversation waits for.
        understanding: what the text means.
        habits: the words of its language.
        last_word: the probability that the last word is right; None: unknown.
        closing: whether the answer would end the call: a farewell often follows, and haste helps nobody.
    """
    found = _ending(text, expectation, understanding, habits)
    if closing and _ends_in(text, habits.farewells):
        return Ending.COMPLETE
    doubt = closing or (last_word is not None and last_word < _CLEAR and not expectation.characters)
    return Ending.UNCERTAIN if doubt and found in {Ending.COMPLETE, Ending.BRIEF} else found


def _ending(text: str, expectation: Expectation, understanding: Understanding, habits: Habits) -> Ending:
    words = words_of(text)
    if made_of(words, habits.affirmations) and (expectation.yes_no or len(set(words)) == 1):
        return _affirmation(text, words)
    if _ends_in(text, habits.unfinished | habits.hesitations | habits.repeats.keys()) or _GOES_ON.search(text):
        return Ending.UNFINISHED
    counted = _number(words, expectation, understanding, habits)
    if counted is not None:
        return counted
    if not words or made_of(words, habits.denials, habits.openers):
        # What is right follows often: "No. I said Wednesday."
        return Ending.UNCERTAIN
    # A comma at the end says little: recognisers put it where a voice stays up, at ends as in pauses.
    return _by_value(expectation, understanding) or _by_words(words, expectation, understanding, habits)


def _affirmation(text: str, words: list[str]) -> Ending:
    if len(set(words)) > 1:
        return Ending.COMPLETE
    return Ending.BRIEF if text.rstrip().endswith((".", "!")) else Ending.UNCERTAIN


def pause_needed(found: Ending, taking: TurnTaking) -> float:
    """Return how long the silence must last, in seconds; `taking` has no value unset."""
    shortest, longest = taking.shortest_pause or 0.0, taking.longest_pause or 0.0
    return shortest + found.value * max(0.0, longest - shortest)


def characters_in(words: list[str], habits: Habits) -> int:
    """Count the digits and letters of a spoken number: "B seven double oh" has four."""
    count, times = 0, 1
    for word in words:
        if word in habits.repeats:
            times = habits.repeats[word]
            continue
        if word.isdigit() or len(word) == 1 or any(sign.isdigit() for sign in word):
            size = len(word)
        else:
            size = habits.characters.get(word, 0)
        count += times * size
        times = 1
    return count


def _ends_in(text: str, phrases: AbstractSet[str]) -> bool:
    words = words_of(text, compounds=True)  # "good-by" does not end in "by"
    return any(" ".join(words[-size:]) in phrases for size in (1, 2, 3))


def _number(words: list[str], expectation: Expectation, understanding: Understanding, habits: Habits) -> Ending | None:
    """Judge a number of known length by its length; None where something else is said."""
    if expectation.characters is None or understanding.intent not in {"", "inform", "affirm", *expectation.intents}:
        return None
    least, most = expectation.characters
    # Recognisers write "be" for a B: the understanding knows better than the words.
    read = (_size(entity.value) for entity in _awaited(expectation, understanding))
    count = max(characters_in(words, habits), *read, 0)
    if count == 0:
        # "The order number is", heard as something else.
        return {"inform": Ending.UNFINISHED, "": Ending.DOUBTFUL}.get(understanding.intent)
    if count < least:
        return Ending.UNFINISHED
    return Ending.COMPLETE if count >= most else Ending.UNCERTAIN


def _size(value: str) -> int:
    return sum(sign.isalnum() for sign in value)


def _by_value(expectation: Expectation, understanding: Understanding) -> Ending | None:
    """Judge an answer that holds what was asked for; None where it does not, or may not."""
    awaited = _awaited(expectation, understanding)
    if not awaited or any(entity.alternatives for entity in awaited):
        return None
    short = expectation.words is not None and all(len(e.value.split()) < expectation.words for e in awaited)
    return Ending.UNCERTAIN if short else Ending.COMPLETE


def _by_words(words: list[str], expectation: Expectation, understanding: Understanding, habits: Habits) -> Ending:
    over = probability(words, habits.endings)
    if over is not None and over < _HARDLY_OVER:
        return Ending.DOUBTFUL
    if (over is not None and over < _MAYBE_OVER) or not (expectation.text or _is_clear(understanding)):
        return Ending.UNCERTAIN
    # An answer without the value that was asked for: the value is still to come.
    wanting = understanding.intent == "inform" and expectation.entity_types and not understanding.entities
    return Ending.DOUBTFUL if wanting and not expectation.text else Ending.COMPLETE


def _is_clear(understanding: Understanding) -> bool:
    sure = understanding.confidence is None or understanding.confidence >= _SURE
    return bool(understanding.intent) and sure and not understanding.out_of_scope


def _awaited(expectation: Expectation, understanding: Understanding) -> list[Entity]:
    return [entity for entity in understanding.entities if entity.type in expectation.entity_types]
