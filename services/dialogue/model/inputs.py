"""What reaches a session: from the caller's side, from the recogniser, from the other services."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from services.dialogue.model.session import Word
from services.dialogue.policy import TurnTaking


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """A stretch of the caller's audio; `sequence` counts the session's frames from 0."""

    data: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class CallerText:
    """Typed words."""

    text: str


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """Telephone keys that were pressed: 0-9, A-D, `*` and `#`."""

    keys: str


@dataclass(frozen=True, slots=True)
class Playback:
    """How much of an agent's turn was heard, in seconds."""

    turn_id: str
    played: float
    finished: bool


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """Changes of a running session; None leaves as it is."""

    language: str | None = None
    on_hold: bool | None = None
    muted: bool | None = None
    turn_taking: TurnTaking = field(default_factory=TurnTaking)
    no_barge_in: bool | None = None


@dataclass(frozen=True, slots=True)
class EndOfAudio:
    """The caller finished speaking for good."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """The client ends the session."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The stream ended without a word."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another instance has the session."""


@dataclass(frozen=True, slots=True)
class AudioGap:
    """Frames before `sequence` are lost."""

    sequence: int


@dataclass(frozen=True, slots=True)
class LineChanged:
    """The client's connection was lost, or there is one again."""

    attached: bool


# What the recogniser says.


@dataclass(frozen=True, slots=True)
class SpeechActivity:
    """The caller began, paused, resumed or ended; `at` in seconds on the audio clock."""

    kind: Literal["started", "paused", "resumed", "ended"]
    at: float
    utterance: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript, partial or final; times in seconds on the audio clock."""

    utterance: int
    text: str
    is_final: bool
    start: float
    end: float
    is_speculative: bool = False
    """Whether it is all of the utterance if the caller says nothing more."""
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    stability: float | None = None
    compute_time: float = 0.0


@dataclass(frozen=True, slots=True)
class RecognitionEnded:
    """Nothing more will be recognised."""


# What else reaches a session.


@dataclass(frozen=True, slots=True)
class CallerContext:
    """What the records say of the caller."""

    contact_id: str = ""
    name: str = ""
    open_items: tuple[tuple[str, ...], ...] = ()
    """(record id, kind, title, state, business system, amount, currency) of each."""
    stage: str = ""
    """How far what they want has come: "contacted", "inquiring", "pending", "done"; empty: not known."""
    interactions: int = 0
    """How many conversations are on record."""
    last_interaction: str = ""
    """What the last one was about, in a sentence."""
    suppressed: bool = False
    """Whether they are not to be reached."""


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """An answer of the consent service; `allowed` is False for unknown and stale answers."""

    allowed: bool
    denied: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """An earlier yes has become a no; `denied`: the customer said so, else it is stale or unknown."""

    reason: str
    denied: bool = True


@dataclass(frozen=True, slots=True)
class AgentSpoke:
    """The synthesiser is done with an agent's turn."""

    turn_id: str
    duration: float


@dataclass(frozen=True, slots=True)
class Draining:
    """The process is going away."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something the client sent that is counted: by its number it is known whether it was acted upon."""

    number: int
    what: CallerText | CallerKeys | Playback | SessionUpdate | EndOfAudio | EndSession


CallerInput: TypeAlias = (
    Request | CallerAudio | AudioGap | CallerText | CallerKeys | Playback | SessionUpdate | EndOfAudio | EndSession
)

SessionInput: TypeAlias = (
    Request
    | CallerText
    | CallerKeys
    | Playback
    | SessionUpdate
    | EndOfAudio
    | EndSession
    | ClientGone
    | LineChanged
    | Superseded
    | SpeechActivity
    | Heard
    | RecognitionEnded
    | CallerContext
    | ConsentWithdrawn
    | AgentSpoke
    | Draining
)
