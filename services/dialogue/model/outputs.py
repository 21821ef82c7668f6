"""What a session tells its client."""

from dataclasses import dataclass, field
from typing import TypeAlias

from services.dialogue.dispositions.model import CallOutcome
from services.dialogue.model.content import Content
from services.dialogue.model.inputs import Heard
from services.dialogue.model.session import Latency, SessionInfo, Word
from services.dialogue.policy import Slot, Understanding

# What goes to the client.


@dataclass(frozen=True, slots=True)
class Started:
    """The session lives."""

    info: SessionInfo
    instance: str
    resume_token: str = field(default="", repr=False)
    resume_window: float = 0.0
    """Seconds after a drop in which the session can be resumed."""
    resumed: bool = False
    next_audio: int = 0
    last_request: int = 0


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What the caller said, so far."""

    turn_id: str
    heard: Heard


@dataclass(frozen=True, slots=True)
class Understood:
    """What the turn means, and all that is known."""

    turn_id: str
    understanding: Understanding
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class AgentBegins:
    """The agent begins a turn."""

    turn_id: str
    in_reply_to: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """A stretch of the agent's speech; offset and words in seconds since the turn began."""

    turn_id: str
    data: bytes
    offset: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentEnded:
    """An agent's turn is sent, or was broken off."""

    turn_id: str
    duration: float
    interrupted: bool
    latency: Latency | None


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Play no more of the turn."""

    turn_id: str
    may_resume: bool = False


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    """Go on playing the turn where it stopped."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class GoingAway:
    """Resume elsewhere; the connection ends in so many seconds."""

    within_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Something was refused; the session goes on. The error is a `mesh.errors.MeshError`."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over."""

    disposition: str
    summary: str
    intents: tuple[str, ...]
    slots: tuple[Slot, ...]
    duration: float
    caller_turns: int
    agent_turns: int
    outcome: CallOutcome | None = None
    """Appointment, next step, commitments, entities, sentiment over time; None: not put together yet."""
    transcript: Content | None = None
    """The redacted transcript of the whole call; None: none is kept."""
    recordings: tuple[Content, ...] = ()
    """What the caller's turns sounded like, where that is kept."""


SessionOutput: TypeAlias = (
    Started
    | Transcribed
    | Understood
    | AgentBegins
    | AgentAudio
    | AgentEnded
    | StopPlayback
    | ResumePlayback
    | GoingAway
    | Refused
    | Ended
)
