"""The domain of a conversation: sessions, turns, what goes in and what comes out. Pure: no gRPC, no stores."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from services.dialogue.dispositions.model import CallOutcome
from services.dialogue.policy import Entity, Expectation, Slot, TurnTaking, Understanding

__all__ = ["Entity", "Expectation", "Slot", "TurnTaking", "Understanding"]

Encoding = Literal["pcm16", "mulaw", "alaw"]
_BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "mulaw": 1, "alaw": 1}
_SILENCE: dict[Encoding, bytes] = {"pcm16": b"\0", "mulaw": b"\xff", "alaw": b"\xd5"}
"""The smallest amplitude of each, ITU-T G.711."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The form of audio on a stream."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel: the smallest whole piece."""
        return _BYTES_PER_SAMPLE[self.encoding] * self.channels

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second."""
        return self.frame_bytes * self.sample_rate_hz

    def silence(self, size: int) -> bytes:
        """Return so many bytes of silence."""
        return _SILENCE[self.encoding] * size


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a session is told at its start and keeps."""

    session_id: str
    tenant_id: str
    region: str
    correlation_id: str
    language: str
    time_zone: str
    domain: str
    direction: Literal["inbound", "outbound"]
    customer_id: str = ""
    phone: str = ""
    device: str = ""
    flow: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """The client's own keys and values."""
    input_audio: AudioFormat | None = None
    """None: the caller types."""
    output_audio: AudioFormat | None = None
    """None: the agent writes."""
    acknowledges_playback: bool = False
    turn_taking: TurnTaking = field(default_factory=TurnTaking)
    """What the client wants of it; unset parts are the flow's or the server's."""
    no_barge_in: bool = False
    """Whether the agent speaks on, whatever the caller says meanwhile."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place, in seconds on the audio clock (of an agent's word: since its turn began)."""

    text: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds the caller waited for an answer's stages; `total` runs from the arrival of the last voiced sample."""

    endpointing: float = 0.0
    transcription: float = 0.0
    understanding: float = 0.0
    policy: float = 0.0
    synthesis: float = 0.0
    total: float = 0.0
    prepared: bool = False
    """Whether the answer was there before the turn was known to be over."""


# What the caller's side sends.


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
    open_items: tuple[tuple[str, str, str, str], ...] = ()
    """(record id, kind, title, state) of each."""


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


@dataclass(slots=True)
class AudioClock:
    """Where the caller's audio stands, and when each part of it arrived.

    Keeps the arrival of the last `_KEEP` pieces; an older place gives the oldest arrival known.
    """

    bytes_per_second: int
    position: float = 0.0
    _arrivals: list[tuple[float, float]] = field(default_factory=list)

    _KEEP: ClassVar[int] = 3000

    def advance(self, size: int, now: float) -> None:
        """Count `size` bytes that arrived at `now`."""
        self.position += size / self.bytes_per_second
        self._arrivals.append((self.position, now))
        if len(self._arrivals) > 2 * self._KEEP:
            del self._arrivals[: self._KEEP]

    def arrival_of(self, place: float, default: float) -> float:
        """Return when the audio up to `place` had arrived; `default` when it has not."""
        index = bisect_left(self._arrivals, place - 1e-6, key=lambda pair: pair[0])
        return self._arrivals[index][1] if index < len(self._arrivals) else default
