"""What a session tells its application: plain frozen dataclasses. Times and durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from voicemesh_client.outcome import CallOutcome


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word in the audio; `confidence` (0 to 1) is None when unknown."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str = ""


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A piece of information in a sentence: its words as said (`raw`) and its normal form (`value`)."""

    type: str
    raw: str
    value: str
    start_char: int
    end_char: int
    confidence: float | None = None
    start: float | None = None
    end: float | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A value the conversation has collected."""

    name: str
    value: str
    raw: str = ""
    type: str = ""
    confidence: float | None = None
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Sentiment:
    """How the caller feels: `score` from -1 (bad) to 1 (good)."""

    score: float
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class TurnLatency:
    """How long the stages of an answer took on the server, in seconds.

    `total` runs from the caller's last voiced sample to the first audio that was sent.
    """

    endpointing: float
    transcription: float
    understanding: float
    policy: float
    synthesis: float
    total: float
    prepared: bool = False
    """Whether the answer was there before the turn was known to be over."""


@dataclass(frozen=True, kw_only=True)
class Disposition:
    """How a call ended: a code such as "appointment_booked" and what was collected."""

    code: str
    summary: str = ""
    intents: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    outcome: CallOutcome | None = None
    """What both sides agreed on; None: the mesh did not tell."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events have.

    `sequence` counts the messages of the session from 0; `audio_offset` is how much of the caller's audio the
    mesh had taken in; `received_at` is when the event arrived, on the session's own clock.
    """

    sequence: int
    audio_offset: float
    received_at: float


@dataclass(frozen=True, kw_only=True)
class SessionStarted(Event):
    """The session lives; always the first event."""

    session_id: str
    resume_token: str = field(repr=False)
    resume_window: float
    instance: str
    resumed: bool
    next_audio_sequence: int
    tenant_id: str
    region: str
    language: str
    correlation_id: str


@dataclass(frozen=True, kw_only=True)
class Transcript(Event):
    """What the caller said, so far or (`is_final`) for good; `start` and `end` are on the audio clock."""

    turn_id: str
    text: str
    is_final: bool
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    stability: float | None = None
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Understanding(Event):
    """What the caller's turn means; `intent` is empty when it is out of scope."""

    turn_id: str
    intent: str
    confidence: float | None
    out_of_scope: bool
    entities: tuple[Entity, ...] = ()
    slots: tuple[Slot, ...] = ()
    sentiment: Sentiment | None = None


@dataclass(frozen=True, kw_only=True)
class AgentTurn(Event):
    """The agent begins a turn: all it is going to say, as far as that is known.

    A turn that is still being found is told once more, with the same `turn_id` and all of its text.
    """

    turn_id: str
    in_reply_to: str
    text: str


@dataclass(frozen=True, kw_only=True)
class AgentAudio(Event):
    """A stretch of the agent's speech in the session's output format; `offset` counts from the turn's start."""

    turn_id: str
    data: bytes = field(repr=False)
    offset: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgentTurnEnded(Event):
    """All audio of the agent's turn was sent, or it was broken off; `latency` is None if it answers nothing."""

    turn_id: str
    duration: float
    interrupted: bool
    latency: TurnLatency | None = None


@dataclass(frozen=True, kw_only=True)
class StopPlayback(Event):
    """Stop playing the agent's turn now. `session.speaker` does so itself.

    What is buffered of it is void, unless it `may_resume`: then it is kept until ResumePlayback or another
    StopPlayback.
    """

    turn_id: str
    may_resume: bool


@dataclass(frozen=True, kw_only=True)
class ResumePlayback(Event):
    """Go on playing the agent's turn where it stopped. `session.speaker` does so itself."""

    turn_id: str


@dataclass(frozen=True, kw_only=True)
class ErrorNotice(Event):
    """Something went wrong that does not end the session."""

    reason: str
    message: str
    metadata: Mapping[str, str]
    retry_after_s: float | None


@dataclass(frozen=True, kw_only=True)
class GoAway(Event):
    """The instance is going away and ends the connection itself at `deadline` (UTC)."""

    deadline: datetime


@dataclass(frozen=True, kw_only=True)
class Reconnecting(Event):
    """The connection dropped; the SDK opens another one, and what is sent meanwhile waits."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """The session goes on over another connection, after a drop or a GoAway.

    `downtime` is how long there was no connection, `lost_audio` how much of the caller's audio the mesh misses
    because it was sent too long ago; both in seconds and 0 when nothing was lost.
    """

    instance: str
    downtime: float
    lost_audio: float


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Event):
    """The session is over; always the last event."""

    disposition: Disposition
    duration: float
    caller_turns: int
    agent_turns: int


SessionEvent = (
    SessionStarted
    | Transcript
    | Understanding
    | AgentTurn
    | AgentAudio
    | AgentTurnEnded
    | StopPlayback
    | ResumePlayback
    | ErrorNotice
    | GoAway
    | Reconnecting
    | Resumed
    | SessionEnded
)
