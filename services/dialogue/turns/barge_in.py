"""Whether sounds over the agent's voice are an interruption or a false alarm: a cough, noise, "uh-huh"."""

from services.dialogue.policy import Expectation
from services.dialogue.turns.habits import Habits, made_of, words_of

_CERTAIN, _LIKELY = 0.55, 0.35
"""Words less probable than this are taken for a noise: recognisers hear words in coughs. The first is for few words."""
_FEW = 2
_AT_ALL = 0.15
"""The same for words that go on with what was said a moment ago: few noises come just then."""


def is_interruption(
    text: str,
    confidence: float | None,
    *,
    habits: Habits,
    expectation: Expectation,
    question_heard: bool,
    goes_on: bool = False,
) -> bool:
    """Return whether words said over the agent take the turn.

    Args:
        text: the words so far.
        confidence: the probability that they are right; None: unknown.
        habits: the words of the language.
        expectation: what the agent's turn asks for.
        goes_on: whether they follow so soon that the turn before them may not have been over.
        question_heard: whether the agent's question has begun: then a yes is an answer, before it is not.
    """
    words = words_of(text)
    if not words:
        return False
    if expectation.yes_no and question_heard and made_of(words, habits.affirmations, habits.denials):
        return True
    if made_of(words, habits.backchannels, habits.hesitations):
        return False
    # "Star, star, star": a recogniser that hears nothing clearly says it again and again.
    needed = _AT_ALL if goes_on else _CERTAIN if len(set(words)) <= _FEW else _LIKELY
    return confidence is None or confidence >= needed
