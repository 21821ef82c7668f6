"""Transcripts from JSON: what `voicemesh asr`, `voicemesh call` and `voicemesh transcript` print."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import pydantic
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from mesh.transcripts.model import Segment, Transcript, Word, joined
from mesh.transcripts.writing import bare

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLER = "caller"
AGENT = "agent"

# A number that is one: JSON as Python writes it may hold NaN. No recording lasts three years.
_Seconds = Annotated[float, Field(allow_inf_nan=False, ge=-1e8, le=1e8)]


class UnreadableTranscriptError(ValueError):
    """A document is no transcript; the message says where and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Word(_Part):
    """A word; the report of a call names its times "start" and "end"."""

    text: str
    start_s: _Seconds | None = Field(None, validation_alias=AliasChoices("start_s", "start"))
    end_s: _Seconds | None = Field(None, validation_alias=AliasChoices("end_s", "end"))
    confidence: _Seconds | None = None
    speaker: str = ""
    heard: tuple[_Word, ...] = ()

    def word(self) -> Word:
        return Word(
            text=self.text,
            start_s=self.start_s,
            end_s=self.end_s,
            confidence=self.confidence,
            speaker=self.speaker,
            heard=tuple(each.word() for each in self.heard),
        )


class _Segment(_Part):
    text: str
    start_s: _Seconds
    end_s: _Seconds
    speaker: str = ""
    language: str = ""
    words: tuple[_Word, ...] = ()

    def segment(self, speaker: str = "") -> Segment:
        return segment_from(
            self.text,
            [word.word() for word in self.words],
            start_s=self.start_s,
            end_s=self.end_s,
            speaker=self.speaker or speaker,
        )


class _File(_Part):
    """One recording: its "segments", or the "transcripts" of `voicemesh asr`."""

    segments: tuple[_Segment, ...] = Field(validation_alias=AliasChoices("segments", "transcripts"))
    file: str = ""
    language: str = ""
    duration_s: _Seconds | None = None
    removed: tuple[_Segment, ...] = ()
    subtitles: bool = False

    def transcript(self, source: str) -> Transcript:
        return Transcript(
            source=self.file or source,
            segments=tuple(segment.segment() for segment in self.segments),
            language=self.language or next((each.language for each in self.segments if each.language), ""),
            duration_s=self.duration_s,
            removed=tuple(segment.segment() for segment in self.removed),
            subtitles=self.subtitles,
        )


class _Files(_Part):
    files: tuple[_File, ...]


class _AgentTurn(_Part):
    text: str
    first_audio_s: _Seconds | None = None
    duration_s: _Seconds = 0.0
    words: tuple[_Word, ...] = ()

    def segment(self, at_s: float) -> Segment:
        """The turn from its first audio on, from `at_s` on where that is not known."""
        start_s = at_s if self.first_audio_s is None else self.first_audio_s
        words = [word.word() for word in self.words]
        return segment_from(self.text, words, start_s=start_s, end_s=start_s + self.duration_s, speaker=AGENT)


class _CallerTurn(_Segment):
    agent_turns: tuple[_AgentTurn, ...] = ()


class _Call(_Part):
    """The report of `voicemesh call --json`."""

    turns: tuple[_CallerTurn, ...]
    greeting_turns: tuple[_AgentTurn, ...] = ()
    recording: str = ""
    language: str = ""
    duration_s: _Seconds | None = None

    def transcript(self, source: str) -> Transcript:
        segments = [turn.segment(0.0) for turn in self.greeting_turns]
        for turn in self.turns:
            segments += [turn.segment(CALLER)] if turn.text else []
            segments += [reply.segment(turn.end_s) for reply in turn.agent_turns]
        # The report is sorted by the caller's turns; the agent may have spoken before one of them was over.
        segments.sort(key=lambda each: each.start_s)
        last_s = max((segment.end_s for segment in segments), default=0.0)
        return Transcript(
            source=self.recording or source,
            segments=tuple(segments),
            language=self.language,
            duration_s=None if self.duration_s is None else max(self.duration_s, last_s),
        )


def read_documents(document: Any, source: str) -> list[Transcript]:
    """The transcripts of a decoded JSON document; `source` names those that name no file themselves.

    Raises UnreadableTranscriptError when it is none, with the place of the first thing that is wrong.
    """
    try:
        # The report of a call has "files", too: those that were written.
        if isinstance(document, dict) and "turns" in document:
            return [_Call.model_validate(document).transcript(source)]
        if isinstance(document, dict) and "files" in document:
            files = _Files.model_validate(document).files
            return [file.transcript(source) for file in files]
        if isinstance(document, dict) and ("segments" in document or "transcripts" in document):
            return [_File.model_validate(document).transcript(source)]
    except pydantic.ValidationError as error:
        raise UnreadableTranscriptError(_sentence(error)) from None
    raise UnreadableTranscriptError(
        'it has none of "files", "segments" and "turns": give what `voicemesh asr --json`, `voicemesh call --json` '
        "or `voicemesh transcript --format json` printed"
    )


def segment_from(text: str, words: Sequence[Word], *, start_s: float, end_s: float, speaker: str) -> Segment:
    """A segment of a text and its words.

    The text decides what is written; words give it times. A word of the text that is not among the words has no time,
    and a word that is not in the text is left out. Without a text the words are the text.
    """
    written = text.split()
    if written and written != [word.text for word in words]:
        words = _matched(written, words)
    own = tuple(words)
    return Segment(words=own, start_s=start_s, end_s=end_s, speaker=speaker, text=text.strip() or joined(own))


def _matched(written: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The written words with the times of those that are spelled alike."""
    found = [Word(text=text) for text in written]
    first, second = [bare(text) for text in written], [bare(word.text) for word in words]
    for block in difflib.SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks():
        for index in range(block.size):
            word = words[block.b + index]
            found[block.a + index] = Word(
                text=written[block.a + index],
                start_s=word.start_s,
                end_s=word.end_s,
                confidence=word.confidence,
                speaker=word.speaker,
                heard=word.heard,
            )
    return found


def _sentence(error: pydantic.ValidationError) -> str:
    """Place and fault of the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    return f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}"
