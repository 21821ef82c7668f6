"""How long and how large a session may get."""

from dataclasses import dataclass, field

from services.dialogue.turns.answers import Pace


@dataclass(frozen=True)
class Limits:
    """Times and sizes, in seconds unless named otherwise."""

    session_s: float
    silence_s: float
    forward_ms: int
    drain_s: float
    resume_s: float = 0.0
    """How long a client that lost its connection may stay away; 0: not at all."""
    pace: Pace = field(default_factory=Pace)
