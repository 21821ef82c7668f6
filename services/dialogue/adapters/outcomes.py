"""A call's outcome in the database and in the contracts. What is personal is masked before it gets here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from voicemesh.common.v1 import outcome_pb2, speech_pb2

from mesh import logs
from mesh.durations import to_duration
from services.dialogue import model
from services.dialogue.adapters.redaction import redacted, without_personal, without_values
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.dispositions.assembly import assemble
from services.dialogue.dispositions.commitments import caller_commitments
from services.dialogue.dispositions.model import APPOINTMENT_STATES, Appointment, CallOutcome, TurnFacts
from services.dialogue.policy import Commitment, Entity, NextStep, Outcome, State

_log = logs.get_logger(__name__)
_SPEAKERS = {"caller": speech_pb2.SPEAKER_CALLER, "agent": speech_pb2.SPEAKER_AGENT}
_FACT_COLUMNS = ("sentiment", "entities", "commitments")
_SURE = 0.5
"""An entity below it is not what was said: the flows take none below it either."""
_FACTS = TypeAdapter(TurnFacts)
_APPOINTMENT = TypeAdapter(Appointment)
_OUTCOME = TypeAdapter(CallOutcome)


def turn_columns(
    turn_id: str,
    heard: model.Heard,
    understanding: model.Understanding,
    language: str,
    names: Sequence[str] = (),
    *,
    of_card: bool = False,
) -> dict[str, object]:
    """What a caller's turn adds to the outcome, as columns of its row.

    Args:
        names: what the caller is called.
        of_card: whether a card was asked for.
    """
    redact = partial(redacted, language=language, names=names, of_card=of_card)
    found = caller_commitments(
        heard.text, understanding.entities, language, redact=redact, turn_id=turn_id, at=heard.start
    )
    sure = [entity for entity in understanding.entities if entity.confidence is None or entity.confidence >= _SURE]
    return {
        "sentiment": understanding.sentiment,
        "entities": [asdict(entity) for entity in without_values(heard.text, sure, language, names, of_card=of_card)],
        "commitments": [asdict(one) for one in found],
    }


def appointment_of(outcomes: Iterable[Outcome], before: Appointment | None) -> Appointment | None:
    """What the outcomes of a turn make of the call's appointment; of one that is moved the service stays."""
    made = before
    for outcome in outcomes:
        state = APPOINTMENT_STATES.get(outcome.event)
        if state is None:
            continue
        known = made or Appointment(state)
        fields = outcome.fields
        made = Appointment(
            state,
            service=fields.get("service", "") or known.service,
            date=fields.get("date", "") or known.date,
            time=fields.get("time", "") or known.time,
            time_zone=fields.get("time_zone", "") or known.time_zone,
        )
    return made


async def read_outcome(
    connection: AsyncConnection, session_id: str, state: State | None, disposition: str, contact_name: str = ""
) -> CallOutcome:
    """Put together what the rows of a call hold of its outcome."""
    turns = (
        sa.select(*(TURNS.c[name] for name in ("turn_id", "start_s", "intent", *_FACT_COLUMNS)))
        .where(TURNS.c.session_id == session_id, TURNS.c.speaker == "caller")
        .order_by(TURNS.c.start_s, TURNS.c.recorded_at)
    )
    facts = [_facts(dict(row)) for row in (await connection.execute(turns)).mappings()]
    stored = await connection.scalar(sa.select(SESSIONS.c.appointment).where(SESSIONS.c.session_id == session_id))
    return _without_names(assemble(facts, state, disposition, _appointment(stored)), state, contact_name)


def _appointment(column: Any) -> Appointment | None:
    try:
        return None if column is None else _APPOINTMENT.validate_python(column)
    except ValidationError as error:
        _log.error("outcome.appointment_unreadable", errors=error.error_count())
        return None


def _facts(row: dict[str, Any]) -> TurnFacts:
    """A turn's part; a row of an earlier version has its place alone."""
    place = {"turn_id": row["turn_id"], "start": row["start_s"], "intent": row["intent"]}
    kept = {key: row[key] for key in _FACT_COLUMNS if row[key] is not None}
    try:
        return _FACTS.validate_python({**place, **kept})
    except ValidationError as error:
        _log.error("outcome.turn_unreadable", turn_id=row["turn_id"], errors=error.error_count())
        return TurnFacts(row["turn_id"], row["start_s"], row["intent"])


def _without_names(outcome: CallOutcome, state: State | None, contact_name: str) -> CallOutcome:
    """What the flows say may name the caller."""
    if state is None:
        return outcome

    def masked(words: str) -> str:
        return without_personal(words, state, contact_name)

    step = outcome.next_step
    return replace(
        outcome,
        commitments=tuple(replace(one, words=masked(one.words)) for one in outcome.commitments),
        next_step=None if step is None else replace(step, what=masked(step.what)),
    )


def outcome_column(outcome: CallOutcome | None) -> dict[str, Any] | None:
    """An outcome as it is stored."""
    return None if outcome is None else asdict(outcome)


def stored_outcome(column: Mapping[str, Any] | None) -> CallOutcome | None:
    """An outcome as it was stored; None for a call of an earlier version."""
    return None if column is None else _OUTCOME.validate_python(column)


def outcome_proto(outcome: CallOutcome) -> outcome_pb2.CallOutcome:
    """Return an outcome's proto."""
    proto = outcome_pb2.CallOutcome(
        entities=[_entity(entity) for entity in outcome.entities],
        commitments=[_commitment(one) for one in outcome.commitments],
        wishes=outcome.wishes,
    )
    for mood in outcome.sentiments:
        proto.sentiments.add(
            turn_id=mood.turn_id, at=to_duration(mood.at), sentiment=speech_pb2.Sentiment(score=mood.score)
        )
    if outcome.appointment is not None:
        proto.appointment.CopyFrom(outcome_pb2.Appointment(**asdict(outcome.appointment)))
    if outcome.next_step is not None:
        proto.next_step.CopyFrom(_next_step(outcome.next_step))
    return proto


def _next_step(step: NextStep) -> outcome_pb2.NextStep:
    return outcome_pb2.NextStep(by=_SPEAKERS[step.by], what=step.what, due=step.due)


def _commitment(one: Commitment) -> outcome_pb2.Commitment:
    return outcome_pb2.Commitment(
        by=_SPEAKERS[one.by],
        words=one.words,
        due=one.due,
        turn_id=one.turn_id,
        at=None if one.at is None else to_duration(one.at),
    )


def _entity(entity: Entity) -> speech_pb2.Entity:
    return speech_pb2.Entity(
        type=entity.type,
        raw=entity.raw,
        value=entity.value,
        start_char=entity.start_char,
        end_char=entity.end_char,
        confidence=entity.confidence,
        alternatives=entity.alternatives,
        start=None if entity.start is None else to_duration(entity.start),
        end=None if entity.end is None else to_duration(entity.end),
    )
