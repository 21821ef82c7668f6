"""What came of a call: per turn the words, their meaning, the reply and how long it took."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from voicemesh_cli.caller.told import outcome_document

if TYPE_CHECKING:
    from pathlib import Path

    from voicemesh_client import (
        Disposition,
        ErrorNotice,
        SessionEvent,
        Transcript,
        TurnLatency,
        Understanding,
        Word,
    )


@dataclass(frozen=True)
class CallerBegan:
    """The caller begins a turn of the recording; `text` is empty where nobody wrote it down."""

    index: int
    text: str


@dataclass(frozen=True)
class CallerEnded:
    """The last voiced sample of the caller's turn was spoken."""

    index: int
    text: str


@dataclass(frozen=True)
class Moment:
    """Something that happened in a call, `at_s` seconds after the caller's first sample."""

    at_s: float
    what: SessionEvent | CallerBegan | CallerEnded


Observer: TypeAlias = Callable[[Moment], None]
"""Is told of every moment of a call as it happens; must not wait. What it raises ends the call."""


@dataclass
class AgentReport:
    """A turn of the agent; times are seconds after the caller's first sample, of its `words` after its first audio."""

    turn_id: str
    text: str
    in_reply_to: str = ""
    first_audio_s: float | None = None
    duration_s: float = 0.0
    interrupted: bool = False
    latency: TurnLatency | None = None
    words: list[Word] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The turn as JSON; the times of its words are seconds after the caller's first sample, too."""
        began_s = self.first_audio_s
        return {
            "turn_id": self.turn_id,
            "text": self.text,
            "words": [
                {"text": word.text, "start": _rounded(began_s + word.start), "end": _rounded(began_s + word.end)}
                for word in self.words
                if began_s is not None
            ],
            "first_audio_s": _rounded(self.first_audio_s),
            "duration_s": _rounded(self.duration_s),
            "interrupted": self.interrupted,
        }


@dataclass
class TurnReport:
    """A turn of the caller and the answers to it.

    `start_s` and `end_s` (the last voiced sample, by the recording's own truth where there is one) are seconds
    after the caller's first sample. `first_audio_s` is how long after `end_s` the client received the first
    audio of the answer; None where none came after it. `latency` are the server's own stages.
    """

    index: int
    spoken: str
    start_s: float
    end_s: float
    heard: list[Transcript] = field(default_factory=list)
    understood: list[Understanding] = field(default_factory=list)
    replies: list[AgentReport] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What the recogniser made of it."""
        return " ".join(transcript.text for transcript in self.heard)

    @property
    def intent(self) -> str:
        """The meaning acted upon last; empty when out of scope or not understood."""
        return self.understood[-1].intent if self.understood else ""

    @property
    def reply(self) -> str:
        """What the agent answered."""
        return " ".join(reply.text for reply in self.replies)

    @property
    def first_audio_s(self) -> float | None:
        """Seconds from the caller's last voiced sample to the first audio of the answer."""
        times = [reply.first_audio_s - self.end_s for reply in self.replies if reply.first_audio_s is not None]
        return min((time for time in times if time >= 0), default=None)

    @property
    def latency(self) -> TurnLatency | None:
        """The server's stages of the first answer that has them."""
        return next((reply.latency for reply in self.replies if reply.latency is not None), None)

    def document(self) -> dict[str, Any]:
        """The turn as JSON; durations of stages in milliseconds."""
        last = self.understood[-1] if self.understood else None
        return {
            "index": self.index,
            "spoken": self.spoken,
            "start_s": _rounded(self.start_s),
            "end_s": _rounded(self.end_s),
            "text": self.text,
            "words": [
                {key: value for key, value in dataclasses.asdict(word).items() if value != ""}
                for transcript in self.heard
                for word in transcript.words
            ],
            "intent": self.intent,
            "confidence": last.confidence if last else None,
            "out_of_scope": last.out_of_scope if last else None,
            "sentiment": last.sentiment.score if last and last.sentiment else None,
            "entities": [dataclasses.asdict(entity) for entity in last.entities] if last else [],
            "slots": {slot.name: slot.value for slot in last.slots} if last else {},
            "reply": self.reply,
            "agent_turns": [reply.document() for reply in self.replies],
            "latency_ms": {"first_audio": _milliseconds(self.first_audio_s), **_stages(self.latency)},
        }


@dataclass
class CallReport:
    """A call that was placed: who, what was said, how it ended, and the files that were written."""

    recording: Path
    session_id: str
    correlation_id: str
    domain: str
    language: str
    greeting: list[AgentReport]
    turns: list[TurnReport]
    errors: list[ErrorNotice]
    disposition: Disposition | None
    duration_s: float
    files: dict[str, Path] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "session_id": self.session_id,
            "correlation_id": self.correlation_id,
            "recording": str(self.recording),
            "domain": self.domain,
            "language": self.language,
            "greeting": " ".join(turn.text for turn in self.greeting),
            "greeting_turns": [turn.document() for turn in self.greeting],
            "turns": [turn.document() for turn in self.turns],
            "disposition": None if self.disposition is None else _disposition(self.disposition),
            "errors": [{"reason": error.reason, "message": error.message} for error in self.errors],
            "duration_s": _rounded(self.duration_s),
            "files": {key: str(path) for key, path in self.files.items()},
        }


def _disposition(disposition: Disposition) -> dict[str, Any]:
    return {
        "code": disposition.code,
        "summary": disposition.summary,
        "intents": list(disposition.intents),
        "slots": {slot.name: slot.value for slot in disposition.slots},
        "outcome": outcome_document(disposition),
    }


def _stages(latency: TurnLatency | None) -> dict[str, float | None]:
    if latency is None:
        return {}
    return {key: _milliseconds(value) for key, value in dataclasses.asdict(latency).items() if key != "prepared"}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 1)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
