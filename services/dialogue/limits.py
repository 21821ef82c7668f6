"""How long and how large a session may get."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.dialogue.turns.desk import Pace


@dataclass(frozen=True)
class Limits:
    """Times and sizes, in seconds unless named otherwise."""

    session_s: float
    silence_s: float
    forward_ms: Callable[[], int]
    """Asked for each piece of audio: larger pieces cost less, and come later."""
    drain_s: float
    resume_s: float = 0.0
    """How long a client that lost its connection may stay away; 0: not at all."""
    pace: Pace = field(default_factory=Pace)
