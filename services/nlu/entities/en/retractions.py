"""How English speakers take back what they said."""

import re

from services.nlu.entities.grammar import Retractions

RETRACTIONS = Retractions(
    negation=re.compile(r"\b(?:not|instead of|rather than|isn't|never)(?: (?:on|at|the|a|for|in|my))*[ ]$"),
    repair=re.compile(
        r"(?:\b(?:no|nope|sorry|wait|actually|oops|i mean|i meant|make that|make it|scratch that|correction|or rather"
        r"|rather|i should say)\b[\s,.!-]*)+(?:(?:on|at|the|it's|a|i|said|mean|meant|for|um|uh)\s+)*"
    ),
    moved_from=re.compile(r"\bfrom (?:the )?$"),
    moved_to=re.compile(r"^ to (?:the )?$"),
)
