"""What a call came to, beside its code: who promised what, what comes next, how the caller felt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from voicemesh.common.v1 import speech_pb2

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from voicemesh.common.v1 import outcome_pb2

Side: TypeAlias = Literal["caller", "agent"]


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """What one side said it would do, in its words; personal details are masked.

    `due` is an ISO 8601 date, or a date and time local to the call; empty: no day was named. `at` is its place on the
    audio clock in seconds, `turn_id` its turn; None and empty where the flow says so.
    """

    by: Side
    words: str
    due: str = ""
    turn_id: str = ""
    at: float | None = None


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """What happens next, who takes it, and its day as in `Commitment`."""

    what: str
    by: Side = "agent"
    due: str = ""


@dataclass(frozen=True, kw_only=True)
class Appointment:
    """What became of an appointment: "requested", "rescheduled" or "cancelled"; what was not said is empty.

    `date` and `time` are ISO 8601, local to the IANA zone `time_zone`.
    """

    state: str
    service: str = ""
    date: str = ""
    time: str = ""
    time_zone: str = ""


@dataclass(frozen=True, kw_only=True)
class TurnSentiment:
    """How the caller felt in one turn: -1 (bad) to 1 (good), and where that is on the audio clock in seconds."""

    turn_id: str
    at: float
    score: float


@dataclass(frozen=True, kw_only=True)
class NamedEntity:
    """Something the caller named; of personal details the kind alone is told."""

    type: str
    value: str
    raw: str


@dataclass(frozen=True, kw_only=True)
class CallOutcome:
    """What a call came to, beside its code, summary, intents and slots."""

    appointment: Appointment | None = None
    next_step: NextStep | None = None
    commitments: tuple[Commitment, ...] = ()
    entities: tuple[NamedEntity, ...] = ()
    sentiments: tuple[TurnSentiment, ...] = ()
    wishes: tuple[str, ...] = ()
    """The intents of the caller's turns, each once, served or not."""


def outcome_of(message: outcome_pb2.CallOutcome) -> CallOutcome:
    """The outcome in a message of the contract."""
    appointment, step = message.appointment, message.next_step
    return CallOutcome(
        appointment=Appointment(
            state=appointment.state,
            service=appointment.service,
            date=appointment.date,
            time=appointment.time,
            time_zone=appointment.time_zone,
        )
        if message.HasField("appointment")
        else None,
        next_step=NextStep(what=step.what, by=_side(step.by), due=step.due) if message.HasField("next_step") else None,
        commitments=tuple(
            Commitment(
                by=_side(one.by),
                words=one.words,
                due=one.due,
                turn_id=one.turn_id,
                at=_seconds(one.at) if one.HasField("at") else None,
            )
            for one in message.commitments
        ),
        entities=tuple(NamedEntity(type=one.type, value=one.value, raw=one.raw) for one in message.entities),
        sentiments=tuple(
            TurnSentiment(turn_id=one.turn_id, at=_seconds(one.at), score=one.sentiment.score)
            for one in message.sentiments
        ),
        wishes=tuple(message.wishes),
    )


def _side(speaker: speech_pb2.Speaker.ValueType) -> Side:
    return "caller" if speaker == speech_pb2.SPEAKER_CALLER else "agent"


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
