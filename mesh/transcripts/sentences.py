"""Capitals and sentence ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from mesh.transcripts.writing import PAUSE_MARKS, SENTENCE_ENDS, core, ends_sentence, head, is_number, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.drafts import Draft
    from mesh.transcripts.languages import Language

# In a transcript without any punctuation a pause this long ends a sentence.
_SENTENCE_PAUSE_S = 0.7
# Where this part of the letters is in capitals, they say nothing.
_SHOUTED = 0.8
_SHOUTED_WORDS = 3


def is_shouted(texts: Sequence[str]) -> bool:
    """Whether three words and more are written in capitals throughout."""
    words = [core(text) for text in texts if sum(letter.isalpha() for letter in text) > 1]
    letters = [letter for word in words for letter in word if letter.isalpha()]
    return len(words) >= _SHOUTED_WORDS and sum(letter.isupper() for letter in letters) > _SHOUTED * len(letters)


def end_sentences(drafts: Sequence[Draft], language: Language, *, goes_on: bool) -> None:
    """Gives every sentence its end; the last one too unless it goes on in the speaker's next segment.

    Within the segment an end is only put where there is no punctuation at all, at pauses of 0.7 s and more.
    """
    if not any(tail(draft.text) for draft in drafts):
        for before, after in itertools.pairwise(drafts):
            if _pause_s(before, after) >= _SENTENCE_PAUSE_S:
                before.write(before.text + ".", "sentence_end")
    last = drafts[-1]
    if not goes_on and not any(mark in tail(last.text) for mark in SENTENCE_ENDS):
        last.write(last.text.rstrip(PAUSE_MARKS) + ".", "sentence_end")
    first = 0
    for index, draft in enumerate(drafts):
        if ends_sentence(draft.text, language) or index + 1 == len(drafts):
            _mark_question(drafts[first : index + 1], language)
            first = index + 1


def capitalise(drafts: Sequence[Draft], language: Language, *, begins: bool) -> None:
    """Capitals at the beginnings of sentences and for words that always have one; `begins`: the first word, too.

    What is written in capitals throughout is written small first.
    """
    if is_shouted([draft.text for draft in drafts]):
        for draft in drafts:
            draft.write(draft.text.lower(), "casing")
    at_beginning = begins
    for index, draft in enumerate(drafts):
        inner = core(draft.text)
        wanted = language.capitals.get(draft.bare, "")
        if wanted and inner.islower():
            draft.write(_with_core(draft.text, wanted), "casing")
        elif inner.islower() and _is_month(drafts, index, language):
            draft.write(_with_core(draft.text, inner.capitalize()), "casing")
        if at_beginning:
            draft.write(_with_capital(draft.text), "casing")
        at_beginning = ends_sentence(draft.text, language)


def _is_month(drafts: Sequence[Draft], index: int, language: Language) -> bool:
    """ "may" beside a number, where the language writes months with a capital."""
    if drafts[index].bare not in language.months or not language.capitals:
        return False
    before = index - 2 if index > 1 and drafts[index - 1].bare == "of" else index - 1
    around = [*drafts[max(0, before) : before + 1], *drafts[index + 1 : index + 2]]
    return any(is_number(draft.text, language) for draft in around)


def _with_core(text: str, inner: str) -> str:
    return head(text) + inner + tail(text)


def _with_capital(text: str) -> str:
    """The word with a capital; an address such as "jane@example.com" or a name such as "iPhone" stays."""
    inner = core(text)
    if not inner or not inner[0].islower() or "@" in inner or any(letter.isupper() for letter in inner):
        return text
    return _with_core(text, inner[0].upper() + inner[1:])


def _mark_question(drafts: Sequence[Draft], language: Language) -> None:
    """A sentence that begins as a question and ends with a point gets its question mark."""
    last = drafts[-1]
    if not ends_sentence(last.text, language):
        return
    if tail(last.text) == "." and _asks(drafts, language):
        last.write(last.text[:-1] + "?", "sentence_end")
    if language.opening_marks and "?" in tail(last.text) and not any("¿" in draft.text for draft in drafts):
        drafts[0].write("¿" + drafts[0].text, "sentence_end")


def _asks(drafts: Sequence[Draft], language: Language) -> bool:
    if len(drafts) < 2:
        return drafts[0].bare in language.questions
    first, second = drafts[0].bare, drafts[1].bare
    if language.opening_marks:
        # Accents tell a question word from its twin: "cómo" asks, "como" does not.
        return first in language.questions
    words = [draft.bare for draft in drafts[:4]]
    if first in language.questions:
        # "What a day" and "What I want is a cleaning" ask nothing; "What time is it" and "When can I come" do.
        return any(_is_inverted(verb, subject, language) for verb, subject in itertools.pairwise(words[1:]))
    return _is_inverted(first, second, language)


def _is_inverted(verb: str, subject: str, language: Language) -> bool:
    """Verb before subject. "Do it" and "Have the papers ready" are orders: such verbs need a person behind them."""
    if verb in language.imperatives:
        return subject in language.persons
    return verb in language.inverted and subject in language.subjects


def _pause_s(before: Draft, after: Draft) -> float:
    end_s, start_s = before.word.end_s, after.word.start_s
    return 0.0 if end_s is None or start_s is None else start_s - end_s
