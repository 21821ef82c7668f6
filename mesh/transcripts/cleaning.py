"""The clean-up pass: what was said without being meant goes, capitals and sentence ends come, the words heard stay."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.transcripts.disfluencies import fluent
from mesh.transcripts.drafts import drafts_of
from mesh.transcripts.languages import language_of
from mesh.transcripts.model import joined
from mesh.transcripts.sentences import capitalise, end_sentences
from mesh.transcripts.writing import SENTENCE_ENDS, core, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.drafts import Draft
    from mesh.transcripts.languages import Language
    from mesh.transcripts.model import Segment, Transcript

# A sentence goes on in the speaker's next segment when that begins so soon, and in lower case.
_GOES_ON_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was done to a word: the words as heard, what is written instead (empty: nothing), and why.

    `kinds` are of "filler", "stutter", "repeat", "casing", "sentence_end" and "spacing".
    """

    kinds: tuple[str, ...]
    heard: str
    written: str
    start_s: float | None


def clean(transcript: Transcript) -> tuple[Transcript, tuple[Change, ...]]:
    """The transcript as it would be written down, and every change; segments keep their places.

    Fillers ("um"), stutters ("w- want") and words said twice ("the the") go by the rules of the transcript's language;
    numbers, spelled letters and words such as "very" may be said twice. Words get their capitals, sentences their
    ends. Each word keeps the words as heard in `Word.heard`; segments of which nothing is left go to `removed`.
    """
    language = language_of(transcript.language)
    drafted = [fluent(drafts_of(segment.words), language) for segment in transcript.segments]
    kept = [(segment, drafts) for segment, drafts in zip(transcript.segments, drafted, strict=True) if drafts]
    removed = [segment for segment, drafts in zip(transcript.segments, drafted, strict=True) if not drafts]
    segments = []
    changes = [
        Change(kinds=("filler",), heard=segment.text, written="", start_s=segment.start_s)
        for segment in removed
        if segment.words
    ]
    begins = dict[str, bool]()
    for index, (segment, drafts) in enumerate(kept):
        goes_on = index + 1 < len(kept) and _goes_on(segment, drafts, *kept[index + 1])
        _write(drafts, language, begins=begins.get(segment.speaker, True), goes_on=goes_on)
        begins[segment.speaker] = not goes_on
        words = tuple(draft.finished() for draft in drafts)
        segments.append(dataclasses.replace(segment, words=words, text=joined(words)))
        changes += _changes(drafts)
    cleaned = dataclasses.replace(
        transcript, segments=tuple(segments), removed=(*transcript.removed, *removed), subtitles=False
    )
    return cleaned, tuple(sorted(changes, key=lambda change: change.start_s or 0.0))


def _write(drafts: Sequence[Draft], language: Language, *, begins: bool, goes_on: bool) -> None:
    end_sentences(drafts, language, goes_on=goes_on)
    capitalise(drafts, language, begins=begins)


def _goes_on(segment: Segment, drafts: Sequence[Draft], following: Segment, behind: Sequence[Draft]) -> bool:
    """Whether a segment's last sentence goes on in the next segment."""
    return (
        segment.speaker == following.speaker
        and following.start_s - segment.end_s <= _GOES_ON_S
        and not any(mark in tail(drafts[-1].text) for mark in SENTENCE_ENDS)
        and core(behind[0].text)[:1].islower()
    )


def _changes(drafts: Sequence[Draft]) -> list[Change]:
    return [
        Change(
            kinds=tuple(sorted(draft.changes)),
            heard=joined(draft.heard),
            written=draft.text,
            start_s=draft.heard[0].start_s,
        )
        for draft in drafts
        if draft.changes
    ]
