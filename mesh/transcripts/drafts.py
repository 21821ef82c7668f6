"""The words of a segment while they are being cleaned; each remembers the words as heard that it stands for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.transcripts.writing import PAUSE_MARKS, bare, ends_clause, head, is_mark, tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mesh.transcripts.languages import Language
    from mesh.transcripts.model import Word


ASIDE = "aside"
"""A filler between commas: the comma before it goes, too."""


@dataclass
class Draft:
    """A word as it will be written. `heard` are the words as heard behind it, `changes` the kinds of what was done."""

    text: str
    word: Word
    heard: list[Word]
    changes: set[str] = field(default_factory=set)

    @property
    def bare(self) -> str:
        """The word without its marks, in lower case."""
        return bare(self.text)

    def write(self, text: str, kind: str) -> None:
        """Writes the word in another way."""
        if text != self.text:
            self.text = text
            self.changes.add(kind)

    def finished(self) -> Word:
        """The cleaned word; `heard` stays empty where it is written as it was heard."""
        as_it_was = self.heard == [self.word] and self.word.text == self.text
        heard = () if as_it_was else tuple(self.heard)
        return dataclasses.replace(self.word, text=self.text, heard=heard)


def drafts_of(words: Iterable[Word]) -> list[Draft]:
    """The words with one space between each two: lone marks go to the word they belong to.

    A mark that stands before the first word goes to that one; what is nothing but marks and spaces yields nothing.
    """
    drafts: list[Draft] = []
    opening: list[Word] = []
    for word in words:
        text = " ".join(word.text.split())
        if text and not is_mark(text):
            front = "".join(mark.text.strip() for mark in opening if head(mark.text.strip()))
            draft = Draft(text, word, [*(heard for mark in opening for heard in mark.as_heard), *word.as_heard])
            draft.write(front + text, "spacing")
            if text != word.text:
                draft.changes.add("spacing")
            drafts.append(draft)
            opening = []
        elif drafts and not head(text):
            _attach(drafts[-1], text, word)
        else:
            opening.append(word)
    if drafts:
        drafts[-1].heard += [heard for mark in opening for heard in mark.as_heard]
    return drafts


def _attach(draft: Draft, text: str, word: Word) -> None:
    """Gives a lone mark to the word before it, unless that has one already."""
    draft.heard += word.as_heard
    marks = tail(text)
    if marks and not tail(draft.text):
        draft.write(draft.text + marks, "spacing")


def without(drafts: Sequence[Draft], kinds: Sequence[str], language: Language) -> list[Draft]:
    """The drafts whose kind is empty; what a removed one ended goes over to the word before it.

    Empty when all go. The words as heard of a removed draft go to the next one that stays, else to the last one.
    """
    kept: list[Draft] = []
    pending: list[Word] = []
    opening, removed = "", set[str]()
    for draft, kind in zip(drafts, kinds, strict=True):
        if kind:
            pending += draft.heard
            removed |= {"filler" if kind == ASIDE else kind, *draft.changes}
            opening = opening or "".join(mark for mark in head(draft.text) if mark in "¿¡")
            if kind == ASIDE and len(kept) > 1:
                kept[-1].text = kept[-1].text.rstrip(",")
            if kept:
                _hand_over(draft.text, kept[-1], language)
            continue
        draft.heard[:0] = pending
        draft.changes |= removed
        if opening and not head(draft.text):
            draft.text = opening + draft.text
        pending, opening, removed = [], "", set()
        kept.append(draft)
    if kept:
        kept[-1].heard += pending
        kept[-1].changes |= removed
    return kept


def _hand_over(removed: str, kept: Draft, language: Language) -> None:
    """The sentence that ended with a removed word ends with the one before it; its comma goes with it."""
    marks = "".join(mark for mark in tail(removed) if mark in ".?!…")
    if not marks or any(mark in tail(kept.text) for mark in "?!…") or _is_closed(kept.text, language):
        return
    text = kept.text
    if ends_clause(text):
        text = text.rstrip(PAUSE_MARKS)
    if not tail(text).endswith("."):
        kept.text = text + marks


def _is_closed(text: str, language: Language) -> bool:
    return tail(text) == "." and bare(text) not in language.abbreviations
