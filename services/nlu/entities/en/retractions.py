"""How English speakers take back what they said."""

import re

from services.nlu.entities.en.calendar_words import MONTH_NAME, ORDINAL, WEEKDAY_NAME
from services.nlu.entities.en.numerals import NUMBER
from services.nlu.entities.grammar import Retractions

_HALF = r"(?:a\.? ?m\b\.?|p\.? ?m\b\.?|in the (?:morning|afternoon|evening)|at night)"
_SAME_KIND = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{ORDINAL})\b(?! of\b)",
        rf"(?:{MONTH_NAME})\b(?! (?:the )?\d)",
        rf"(?:{WEEKDAY_NAME})\b(?! (?:the |next|in ))",
        _HALF,
    )
)
"""Parts of an entity that new words of the same kind replace."""
_COUNT_AND_UNIT = re.compile(rf"(?P<count>[$€£]?{NUMBER})(?P<rest>(?: |-|%).+)")
_BARE_COUNT = re.compile(rf"(?:a )?{NUMBER}(?=[.,!?]?$|[.,!?] | (?:please|thanks|i|is|for|in|on)\b)")

_UNIT = re.compile(r"[a-z]+")
"""Behind "20 dollars, no," any word is tried as a unit; what is none makes no entity of the same type."""


def completed(old: str, new: str) -> tuple[str, int] | None:
    """Return the old words with the new ones in the place of their like, and how many characters are new.

    "june 5th" and "6th" are "june 6th"; "20 dollars" and "30" are "30 dollars", with
    "euros" they are "20 euros"; "3 pm" and "am" are "3 am".
    """
    for kind in _SAME_KIND:
        fresh, stale = kind.match(new), kind.search(old)
        if fresh and stale and stale.group() != old:
            return old[: stale.start()] + fresh.group() + old[stale.end() :], fresh.end()
    counted, count = _COUNT_AND_UNIT.fullmatch(old), _BARE_COUNT.match(new)
    if counted and count:
        return count.group() + counted["rest"], count.end()
    unit = _UNIT.match(new)
    if counted and unit:
        return f"{counted['count'].lstrip('$€£')} {unit.group()}", unit.end()
    return None


_REPAIRS = (
    "no|nope|nah|sorry|wait|actually|oops|whoops|well|i mean|i meant|make that|make it|scratch that|strike that"
    "|correction|or rather|rather|or better|better yet|i should say|i meant to say|my mistake|my bad|pardon(?: me)?"
    "|excuse me|hang on|hold on|let me correct that|that's wrong|that's not right"
)
_LEADS = "on|at|the|it's|it|is|was|a|i|said|mean|meant|for|to|of|let's|say|that|in"
_ECHOES = "yes|yeah|yep|right|i said|that's|so|correct|okay|ok|on|at|the"

RETRACTIONS = Retractions(
    negation=re.compile(
        r"\b(?:not|instead of|rather than|isn't|wasn't|never)(?: (?:on|at|the|a|for|in|my|until|by))*[ ]$"
    ),
    repair=re.compile(rf"(?:\b(?:{_REPAIRS})\b[\s,.!\u2013\u2014-]*)+"),
    lead=re.compile(rf"(?:(?:{_LEADS})\s+)*"),
    echo=re.compile(rf"^[\s,.!?-]*(?:(?:{_ECHOES})[\s,.!?-]+)*$"),
    moved_from=re.compile(r"\bfrom (?:the )?$"),
    moved_to=re.compile(r"^ to (?:the )?$"),
    completed=completed,
)
