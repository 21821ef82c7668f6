"""Where a sentence that says several things can be taken apart, so that each part can be understood alone."""

import re
from dataclasses import dataclass

from services.nlu.entities.text import straight
from services.nlu.lexical import words

MIN_WORDS = 2
MAX_CLAUSES = 6
"""Parts that are looked at; a text of more is a story, and its later parts add little."""

# What joins two wishes: words that begin a joint, and words that may go on with it ("and then, by the way, ...").
_JOINTS = {
    "en": ("oh and|and|but|plus|also|besides that|by the way", "and|but|also|then|besides that|by the way"),
    "es": ("y|e|pero|además|también|aparte|por cierto", "y|también|además|luego|de paso|por cierto"),
}


def _compiled(language: str) -> re.Pattern[str]:
    ends = r"[.?!;]+\s+"
    if language not in _JOINTS:
        return re.compile(ends)
    first, later = _JOINTS[language]
    run = rf"(?:(?:{later})\b[,\s]+)*"
    return re.compile(rf"{ends}(?:(?:{first})\b[,\s]+)?{run}|[,\s]+(?:{first})\b[,\s]+{run}", re.IGNORECASE)


_COMPILED = {language: _compiled(language) for language in (*_JOINTS, "")}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a text: `text[start_char:end_char]`."""

    text: str
    start_char: int
    end_char: int


def clauses(text: str, language: str) -> tuple[Clause, ...]:
    """Return the parts a text can be taken apart into, in order; none when it is one piece.

    Parts of fewer than two words belong to what stands before them ("a cleaning and whitening" stays whole).

    Args:
        text: what was said.
        language: the primary language, such as "en"; where it has no joints, only the ends of sentences part.
    """
    joint = _COMPILED.get(language, _COMPILED[""])
    plain = straight(text)
    edges = [0, *(edge for match in joint.finditer(plain) for edge in (match.start(), match.end())), len(plain)]
    parts: list[tuple[int, int]] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if len(words(plain[start:end])) >= MIN_WORDS or not parts:
            parts.append((start, end))
        else:
            parts[-1] = (parts[-1][0], end)
    if len(parts) < 2 or len(parts) > MAX_CLAUSES:
        return ()
    return tuple(Clause(text[start:end], start, end) for start, end in parts)
