"""What people say without meaning it: fillers, stutters, words said twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mesh.transcripts.drafts import ASIDE, without
from mesh.transcripts.writing import DASHES, bare, core, ends_clause, ends_sentence, is_number, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.drafts import Draft
    from mesh.transcripts.languages import Language

# "th-the", "b-b-book": the beginning of a word without its vowel; "I-I'd".
_INNER_STUTTER = re.compile(r"^([^\W\d_aeiouyáéíóú]{1,3})-(?:\1-)*(?=\1[^\W\d_-])|^(i)-(?:i-)*(?=i\b)", re.IGNORECASE)
# How many words may be said again at once.
_MAX_REPEAT = 4


def fluent(drafts: list[Draft], language: Language) -> list[Draft]:
    """The drafts without fillers, stutters and repeats, in this order: what was apart may stand together then."""
    drafts = without(drafts, _fillers(drafts, language), language)
    for draft in drafts:
        draft.write(_INNER_STUTTER.sub("", draft.text), "stutter")
    drafts = without(drafts, _stutters(drafts), language)
    kinds = _repeats(drafts, language)
    while any(kinds):
        drafts = without(drafts, kinds, language)
        kinds = _repeats(drafts, language)
    return drafts


def _fillers(drafts: Sequence[Draft], language: Language) -> list[str]:
    kinds = ["filler" if draft.bare in language.fillers and "-" not in draft.text else "" for draft in drafts]
    for index in range(len(drafts)):
        for aside in language.asides:
            end = index + len(aside)
            if tuple(draft.bare for draft in drafts[index:end]) == aside and _is_apart(drafts, index, end, language):
                kinds[index:end] = [ASIDE] * len(aside)
    return kinds


def _is_apart(drafts: Sequence[Draft], first: int, end: int, language: Language) -> bool:
    """Whether the words stand between commas, or between the sentence's beginning and a comma, with words behind."""
    begins = first == 0 or ends_sentence(drafts[first - 1].text, language) or ends_clause(drafts[first - 1].text)
    return begins and end < len(drafts) and ends_clause(drafts[end - 1].text)


def _stutters(drafts: Sequence[Draft]) -> list[str]:
    """Words that break off and are begun again: "w- want", "I- I". A dash between words is none."""
    kinds = [""] * len(drafts)
    for index in range(len(drafts) - 1):
        stem = drafts[index].text.casefold().rstrip(",.…")
        following = next((draft.bare for draft in drafts[index + 1 :] if draft.text.strip(DASHES)), "")
        begun = stem.rstrip(DASHES)
        if begun != stem and begun and _is_begun(begun, following):
            kinds[index] = "stutter"
    return kinds


def _is_begun(begun: str, following: str) -> bool:
    return bare(following.rstrip(DASHES)).startswith(bare(begun))


def _repeats(drafts: Sequence[Draft], language: Language) -> list[str]:
    """Marks the first of what is said twice at once; the longest repeats are looked for first."""
    kinds = [""] * len(drafts)
    for size in range(_MAX_REPEAT, 0, -1):
        for index in range(len(drafts) - 2 * size + 1):
            if not any(kinds[index : index + 2 * size]) and _is_repeat(drafts[index : index + 2 * size], language):
                kinds[index : index + size] = ["repeat"] * size
    return kinds


def _is_repeat(drafts: Sequence[Draft], language: Language) -> bool:
    """Whether the second half says the first one again without meaning it."""
    size = len(drafts) // 2
    first, second = drafts[:size], drafts[size:]
    if [draft.bare for draft in first] != [draft.bare for draft in second]:
        return False
    if any(_means_it(draft, language) for draft in first):
        return False
    if any(ends_sentence(draft.text, language) for draft in first):
        return False
    # "tomorrow, tomorrow" may be stressed; "the, the" can not, nor can a beginning such as "I want to, I want to".
    broken_off = size > 1 or first[0].bare in language.little
    return broken_off or not tail(first[0].text)


def _means_it(draft: Draft, language: Language) -> bool:
    """Numbers, spelled letters, and words such as "very" are said twice on purpose."""
    word = draft.bare
    spelled = len(word) == 1 and word not in language.little
    initial = len(word) == 1 and core(draft.text).isupper() and word not in {"i", "a"}
    number = is_number(draft.text, language) and word not in language.little
    return number or word in language.twice or spelled or initial
