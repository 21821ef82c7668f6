"""Transcripts written out: JSON, SubRip (SRT), WebVTT, text."""

from __future__ import annotations

import enum
import html
import json
from typing import TYPE_CHECKING, Any

from mesh.transcripts.model import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.transcripts.model import Segment, Transcript, Word


class Format(enum.StrEnum):
    """What a transcript is written as; the value is the file's ending but for text."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TEXT = "text"

    @property
    def suffix(self) -> str:
        """The ending of a file, with its point."""
        return ".txt" if self is Format.TEXT else f".{self.value}"


def render(transcript: Transcript, form: Format) -> str:
    """The transcript as the text of a file, which ends with a line break unless it is empty."""
    if form is Format.JSON:
        return json.dumps(to_document(transcript), ensure_ascii=False, indent=2) + "\n"
    if form is Format.SRT:
        return "\n".join(_srt_cues(transcript))
    if form is Format.VTT:
        return "\n".join(["WEBVTT\n", *_vtt_cues(transcript)])
    return "".join(f"{_who(segment)}{' '.join(segment.text.split())}\n" for segment in _shown(transcript))


def to_document(transcript: Transcript) -> dict[str, Any]:
    """The transcript as JSON; `reading.read_documents` reads it back. Unknown members are left out or null."""
    document: dict[str, Any] = {
        "file": transcript.source,
        "language": transcript.language,
        "duration_s": _rounded(transcript.duration_s),
        "text": " ".join(" ".join(segment.text.split()) for segment in _shown(transcript)),
        "segments": [_segment(segment) for segment in transcript.segments],
    }
    if transcript.subtitles:
        document["subtitles"] = True
    if transcript.removed:
        document["removed"] = [_segment(segment) for segment in transcript.removed]
    return document


def _segment(segment: Segment) -> dict[str, Any]:
    document: dict[str, Any] = {
        "text": segment.text,
        "start_s": _rounded(segment.start_s),
        "end_s": _rounded(segment.end_s),
        "speaker": segment.speaker,
        "words": [_word(word) for word in segment.words],
    }
    if any(word.heard for word in segment.words):
        document["heard"] = joined(heard for word in segment.words for heard in word.as_heard)
    return document


def _word(word: Word) -> dict[str, Any]:
    document: dict[str, Any] = {
        "text": word.text,
        "start_s": _rounded(word.start_s),
        "end_s": _rounded(word.end_s),
        "confidence": word.confidence,
    }
    if word.speaker:
        document["speaker"] = word.speaker
    if word.heard:
        document["heard"] = [_word(heard) for heard in word.heard]
    return document


def _srt_cues(transcript: Transcript) -> Iterator[str]:
    """Each cue ends with a line break; SubRip has no place for speakers."""
    for number, segment in enumerate(_shown(transcript), start=1):
        first, last = _times(segment)
        yield f"{number}\n{_clock(first, ',')} --> {_clock(last, ',')}\n{_lines(segment.text)}\n"


def _vtt_cues(transcript: Transcript) -> Iterator[str]:
    """Each cue ends with a line break; the speaker is a voice tag. W3C WebVTT, sections 4.1 and 4.2.2."""
    for segment in _shown(transcript):
        first, last = _times(segment)
        voice = f"<v {html.escape(' '.join(segment.speaker.split()), quote=False)}>" if segment.speaker else ""
        yield f"{_clock(first, '.')} --> {_clock(last, '.')}\n{voice}{html.escape(_lines(segment.text), quote=False)}\n"


def _shown(transcript: Transcript) -> list[Segment]:
    """The segments that say something, in the order of their beginnings."""
    return sorted((segment for segment in transcript.segments if segment.text.strip()), key=lambda each: each.start_s)


def _times(segment: Segment) -> tuple[int, int]:
    """First and last millisecond: never before the beginning, and one apart at least."""
    first = max(0, round(segment.start_s * 1_000))
    return first, max(first + 1, round(segment.end_s * 1_000))


def _clock(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"


def _lines(text: str) -> str:
    """The lines of a cue: an empty one would end it."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _who(segment: Segment) -> str:
    return f"{segment.speaker}: " if segment.speaker else ""


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
