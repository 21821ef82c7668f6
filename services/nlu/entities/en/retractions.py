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
_TIME_UNITS = "day|week|fortnight|month|year|hour|minute"
_IN = re.compile(rf"in (?:{NUMBER}|an?)(?P<unit> (?:{_TIME_UNITS})s?)")
_BARE_COUNT = re.compile(rf"(?:a )?{NUMBER}(?=[.,!?]?$|[.,!?] | (?:please|thanks|i|is|for|in|on)\b)")

_UNIT = re.compile(r"[a-z]+")
"""Behind "20 dollars, no," any word is tried as a unit; what is none makes no entity of the same type."""


def completed(old: str, new: str) -> tuple[str, int] | None:
    """Return the old words with the new ones in the place of their like, and how many characters are new.

    "june 5th" and "6th" are "june 6th"; "20 dollars" and "30" are "30 dollars", with
    "euros" they are "20 euros"; "3 pm" and "am" are "3 am".
    """
    for kind in _SAME_KIND:
        fresh, stale = kind.match(new), _last(kind, old)
        if fresh and stale and stale.group() != old:
            return old[: stale.start()] + fresh.group() + old[stale.end() :], fresh.end()
    whole = _beside(old, new) or _ahead(old, new) or _elsewhere(old, new)
    if whole:
        return whole
    counted, count = _COUNT_AND_UNIT.fullmatch(old), _BARE_COUNT.match(new)
    if counted and count:
        return count.group() + counted["rest"], count.end()
    unit = _UNIT.match(new)
    if counted and unit:
        return f"{counted['count'].lstrip('$€£')} {unit.group()}", unit.end()
    return None


def _last(kind: re.Pattern[str], old: str) -> re.Match[str] | None:
    return max(kind.finditer(old), key=lambda match: match.start(), default=None)


def _beside(old: str, new: str) -> tuple[str, int] | None:
    """Complete "the day after" by the day that was said."""
    match = re.match(r"the day (?:after|before)(?=[.,!?]|$)", new)
    return (f"{match.group()} {old}", match.end()) if match else None


def _ahead(old: str, new: str) -> tuple[str, int] | None:
    """Complete "three" and "three days" behind "in two days"."""
    ahead = _IN.fullmatch(old)
    count = re.match(rf"{NUMBER}(?P<unit> (?:{_TIME_UNITS})s?\b)?", new)
    if not ahead or not count or (not count["unit"] and not _BARE_COUNT.match(new)):
        return None
    return "in " + count.group() + ("" if count["unit"] else ahead["unit"]), count.end()


def _elsewhere(old: str, new: str) -> tuple[str, int] | None:
    """Put a new domain behind the name of an e-mail address."""
    name, at, _ = old.partition(" at ")
    domain = re.match(r"(?:[a-z0-9]+ dot )+[a-z]{2,10}\b", new)
    return (f"{name}{at}{domain.group()}", domain.end()) if at and domain and " dot " in old else None


_REPAIRS = (
    "no|nope|nah|sorry|wait|actually|oops|whoops|well|i mean|i meant|make that|make it|scratch that|strike that"
    "|correction|or rather|rather|or better|better yet|i should say|i meant to say|my mistake|my bad|pardon(?: me)?"
    "|excuse me|hang on|hold on|let me correct that|that's wrong|that's not right"
)
_NEGATIONS = (
    "not|instead of|rather than|isn't|wasn't|never|forget|don't want|don't like|can't do|cannot do|anything but"
    "|except(?: for)?|apart from|aside from|other than|(?:any|every|all)(?: |)(?:day|time|date|morning|afternoon)s? but"
)
_LEADS = "on|at|the|it's|it|is|was|a|i|said|mean|meant|for|to|of|let's|say|that|in"
_ECHOES = "yes|yeah|yep|right|i said|that's|so|correct|okay|ok|on|at|the"

RETRACTIONS = Retractions(
    negation=re.compile(rf"\b(?:{_NEGATIONS})(?: (?:on|at|the|a|for|in|my|until|by))*[ ]$"),
    rejection=re.compile(r"(?: is|'s)? (?:no good|out|bad|doesn't work|won't work|does not work|doesn't suit)\b"),
    repair=re.compile(rf"(?:\b(?:{_REPAIRS})\b[\s,.!\u2013\u2014-]*)+"),
    lead=re.compile(rf"(?:(?:{_LEADS})\s+)*"),
    limit=re.compile(
        r"\b(?:(?:not|never) (?:before|after|past|(?:earlier|later|sooner) than)|no (?:earlier|later|sooner) than)"
        r"(?: (?:the|about|around))*[ ]$"
    ),
    echo=re.compile(rf"^[\s,.!?-]*(?:(?:{_ECHOES})[\s,.!?-]+)*$"),
    moved_from=re.compile(r"\bfrom (?:the )?$"),
    moved_to=re.compile(r"^ to (?:the )?$"),
    completed=completed,
)
