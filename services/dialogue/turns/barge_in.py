"""Whether sounds over the agent's voice are an interruption or a false alarm: a cough, noise, "uh-huh"."""

from services.dialogue.policy import Expectation
from services.dialogue.turns.habits import Habits, made_of, words_of

_CERTAIN = 0.35
"""A single word less probable than this is taken for a noise: recognisers hear words in coughs."""


def is_interruption(
    text: str, confidence: float | None, *, habits: Habits, expectation: Expectation, question_heard: bool
) -> bool:
    """Return whether words said over the agent take the turn.

    Args:
        text: the words so far.
        confidence: the probability that they are right; None: unknown.
        habits: the words of the language.
        expectation: what the agent's turn asks for.
        question_heard: whether the agent's question has begun: then a yes is an answer, before it is not.
    """
    words = words_of(text)
    if not words:
        return False
    if expectation.yes_no and question_heard and made_of(words, habits.affirmations, habits.denials):
        return True
    if made_of(words, habits.backchannels, habits.hesitations):
        return False
    return len(words) > 1 or confidence is None or confidence >= _CERTAIN
