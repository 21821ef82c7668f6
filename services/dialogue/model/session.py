"""What a session is, and what its turns are measured by."""

from dataclasses import dataclass, field
from typing import Literal

from services.dialogue.model.audio import AudioFormat
from services.dialogue.policy import TurnTaking


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
