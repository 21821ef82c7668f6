"""The values a call's outcome is made of. Pure."""

from dataclasses import dataclass

from services.dialogue.policy import Commitment, Entity, NextStep

APPOINTMENT_STATES = {
    "AppointmentRequested": "requested",
    "AppointmentRescheduled": "rescheduled",
    "AppointmentCancelled": "cancelled",
}
"""What the business events about appointments make of them."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment that the call made, moved or cancelled; what was not said is empty.

    `date` and `time` are ISO 8601, local to the IANA zone `time_zone`.
    """

    state: str
    service: str = ""
    date: str = ""
    time: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Mood:
    """How the caller felt in one turn: -1 (bad) to 1 (good), and where that is, in seconds on the audio clock."""

    turn_id: str
    at: float
    score: float


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """What one turn of the caller adds to the outcome. Of personal entities the kind alone is kept."""

    turn_id: str
    start: float
    intent: str = ""
    sentiment: float | None = None
    entities: tuple[Entity, ...] = ()
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What a call came to, beside its code, summary, intents and slots."""

    entities: tuple[Entity, ...] = ()
    appointment: Appointment | None = None
    next_step: NextStep | None = None
    commitments: tuple[Commitment, ...] = ()
    sentiments: tuple[Mood, ...] = ()
    wishes: tuple[str, ...] = ()
    """The intents of the caller's turns, each once, served or not; answers such as yes and no are none."""
