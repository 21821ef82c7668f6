"""How words are written: what punctuation hangs on them, where sentences end, what a break may not tear apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.languages import Language

SENTENCE_ENDS = ".?!…"
DASHES = "-\u2013\u2014"
_OPENING = "¿¡([{\"'\u201c\u2018«"
_CLOSING = ".,;:!?…)]}\"'\u201d\u2019»\u2013\u2014"
PAUSE_MARKS = ",;:…\u2013\u2014"


def bare(text: str) -> str:
    """A word without the punctuation around it, in lower case; typographic apostrophes become plain ones."""
    return text.replace("\u2019", "'").lstrip(_OPENING).rstrip(_CLOSING).casefold()


def head(text: str) -> str:
    """The opening marks of a word."""
    return text[: len(text) - len(text.lstrip(_OPENING))]


def tail(text: str) -> str:
    """The marks a word ends with; of a word that is nothing but marks, all of them."""
    return text[len(text.rstrip(_CLOSING)) :]


def core(text: str) -> str:
    """A word without its opening and closing marks, in its own case."""
    return text[len(head(text)) :].rstrip(_CLOSING)


def is_mark(text: str) -> bool:
    """Whether a token has no letter and no digit, as a lone comma."""
    return not any(letter.isalnum() for letter in text) and not is_symbol(text)


def is_symbol(text: str) -> bool:
    """Whether a token is one sign that is read aloud, such as "&" or "%"."""
    return len(text) == 1 and text in "&%+=$€£@#*/"


def ends_sentence(text: str, language: Language) -> bool:
    """Whether a sentence ends with this word: not with an abbreviation, an initial such as "J." or an ellipsis."""
    marks = tail(text).replace("...", "…")
    if any(mark in marks for mark in "?!"):
        return True
    if "." not in marks:
        return False
    word = bare(text)
    initial = len(word) == 1 and word.isalpha() and core(text).isupper() and word != "i"
    return not initial and word not in language.abbreviations


def ends_clause(text: str) -> bool:
    """Whether a comma, semicolon, colon, dash or ellipsis follows the word."""
    return any(mark in tail(text).replace("...", "…") for mark in PAUSE_MARKS)


def is_number(text: str, language: Language) -> bool:
    """Whether a word is a number, in digits or in words, ordinals among them."""
    word = bare(text)
    return any(letter.isdigit() for letter in word) or any(
        part in language.numbers for part in (word, *word.split("-")[:1])
    )


def breakable(texts: Sequence[str], index: int, language: Language) -> bool:
    """Whether a line may end before the word at `index`: not inside a number or a name.

    A comma or the end of a sentence always allows it.
    """
    before, after = texts[index - 1], texts[index]
    if ends_sentence(before, language) or ends_clause(before):
        return True
    behind = texts[index + 1] if index + 1 < len(texts) else ""
    ahead = texts[index - 2] if index > 1 else ""
    return not (_splits_number(ahead, before, after, behind, language) or _splits_name(ahead, before, after, language))


def _splits_number(ahead: str, before: str, after: str, behind: str, language: Language) -> bool:
    """Whether a break between `before` and `after` tears a number, or a number and what it counts, apart."""
    first, second = _numeric(before, language), _numeric(after, language)
    if first and (second or bare(after) in language.units or bare(after) in language.months or after == "%"):
        return True
    if second and (bare(before) in language.months or before in {"$", "€", "£", "#"}):
        return True
    if first and bare(after) in language.connectors and _numeric(behind, language):
        return True
    return second and bare(before) in language.connectors and _numeric(ahead, language)


def _numeric(text: str, language: Language) -> bool:
    """A number, or a letter that is spelled: order numbers hold both."""
    return is_number(text, language) or (len(bare(text)) == 1 and core(text).isupper() and bare(text) not in {"i", "a"})


def _splits_name(ahead: str, before: str, after: str, language: Language) -> bool:
    """Whether a break tears a title from its name, or the parts of a name apart."""
    first, particles = bare(before), language.particles
    if first in language.titles or (bare(ahead) in particles and first in language.little):
        return _capital(after)
    if first in particles and _capital(ahead):
        # "María de la Cruz": a particle belongs to both sides.
        return _capital(after) or bare(after) in language.little
    if not _capital(before) or first in language.capitals:
        return False
    if _starts_sentence(ahead, language) and (first in language.little or first in language.weak):
        return False
    return bare(after) in particles or (_capital(after) and not bare(after).startswith("i'"))


def _starts_sentence(ahead: str, language: Language) -> bool:
    return not ahead or ends_sentence(ahead, language)


def _capital(text: str) -> bool:
    word = core(text)
    return len(word) > 1 and word[0].isupper()
