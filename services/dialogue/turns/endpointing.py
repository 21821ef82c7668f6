"""Whether the caller has finished: judged by what was said, not by silence alone.

The recogniser tells of a pause after a tenth of a second. How long it must last to end the turn depends on how
complete the words are in the light of what the conversation waits for: a whole answer ends at the shortest pause,
a sentence that must go on ("on the", five digits of ten) at the longest.
"""

import re
from enum import Enum

from services.dialogue.policy import Entity, Expectation, TurnTaking, Understanding
from services.dialogue.turns.habits import Habits, made_of, words_of

_UNCERTAIN_SHARE = 0.25
"""Of the way from the shortest to the longest pause: what may be over or not waits so long."""
_GOES_ON = re.compile(r"(-|\u2013|\u2014|\u2026|\.\.\.)\s*$")
_SURE = 0.5
"""An intent less probable than this is no sign of a whole sentence."""


class Ending(Enum):
    """How an utterance ends."""

    COMPLETE = "complete"
    UNCERTAIN = "uncertain"
    UNFINISHED = "unfinished"


def ending(text: str, expectation: Expectation, understanding: Understanding, habits: Habits) -> Ending:
    """Judge how a transcript ends.

    Args:
        text: what was said so far.
        expectation: what the conversation waits for.
        understanding: what the text means.
        habits: the words of its language.
    """
    words = words_of(text)
    if not words:
        return Ending.UNCERTAIN
    if expectation.yes_no and made_of(words, habits.affirmations):
        return Ending.COMPLETE
    if _goes_on(text, habits):
        return Ending.UNFINISHED
    counted = _number(words, expectation, understanding, habits)
    if counted is not None:
        return counted
    if made_of(words, habits.denials):
        # What is right follows often: "No. I said Wednesday."
        return Ending.UNCERTAIN
    found = _by_meaning(expectation, understanding)
    # Recognisers put commas where a voice stays up, which may be the end all the same.
    return Ending.UNCERTAIN if text.rstrip().endswith(",") else found


def pause_needed(found: Ending, taking: TurnTaking) -> float:
    """Return how long the silence must last, in seconds; `taking` has no value unset."""
    shortest, longest = taking.shortest_pause or 0.0, taking.longest_pause or 0.0
    if found is Ending.COMPLETE:
        return shortest
    if found is Ending.UNCERTAIN:
        return shortest + _UNCERTAIN_SHARE * max(0.0, longest - shortest)
    return longest


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


def _goes_on(text: str, habits: Habits) -> bool:
    words = words_of(text, compounds=True)  # "good-by" does not end in "by"
    tails = {" ".join(words[-size:]) for size in (1, 2, 3)}
    return bool(_GOES_ON.search(text) or tails & (habits.unfinished | habits.hesitations | habits.repeats.keys()))


def _number(words: list[str], expectation: Expectation, understanding: Understanding, habits: Habits) -> Ending | None:
    """Judge a number of known length by its length; None where no number was begun."""
    if expectation.characters is None:
        return None
    count = characters_in(words, habits)
    least, most = expectation.characters
    if count == 0 or understanding.intent not in {"", "inform", "affirm", *expectation.intents}:
        return None
    if count < least:
        return Ending.UNFINISHED
    return Ending.COMPLETE if count >= most else Ending.UNCERTAIN


def _by_meaning(expectation: Expectation, understanding: Understanding) -> Ending:
    found = {entity.type for entity in understanding.entities}
    if expectation.entity_types and _fills(found, understanding.entities, expectation):
        return Ending.COMPLETE
    sure = understanding.confidence is None or understanding.confidence >= _SURE
    if understanding.intent and sure and not understanding.out_of_scope:
        return Ending.COMPLETE
    return Ending.UNCERTAIN


def _fills(found: set[str], entities: tuple[Entity, ...], expectation: Expectation) -> bool:
    return bool(found & set(expectation.entity_types)) and not any(entity.alternatives for entity in entities)
