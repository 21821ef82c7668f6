"""The consent domain's values in consent.proto's terms and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1.consent_service_pb2 import ConsentCheck

from mesh.durations import to_datetime, to_timestamp
from mesh.errors import ErrorReason, MeshError
from services.consent import model
from services.consent.phones import normalise

ValueT = TypeVar("ValueT")

_CHANNELS: dict[int, model.Channel] = {
    pb.CHANNEL_VOICE: model.Channel.VOICE,
    pb.CHANNEL_SMS: model.Channel.SMS,
    pb.CHANNEL_EMAIL: model.Channel.EMAIL,
}
_PURPOSES: dict[int, model.Purpose] = {
    pb.PURPOSE_SERVICE: model.Purpose.SERVICE,
    pb.PURPOSE_MARKETING: model.Purpose.MARKETING,
    pb.PURPOSE_RECORDING: model.Purpose.RECORDING,
}
_STATES: dict[int, model.State] = {
    pb.CONSENT_STATE_GRANTED: model.State.GRANTED,
    pb.CONSENT_STATE_REFUSED: model.State.REFUSED,
    pb.CONSENT_STATE_REVOKED: model.State.REVOKED,
}


def scope(context: RequestContext) -> model.Scope:
    """On whose behalf a request is made."""
    return model.Scope(
        tenant_id=context.tenant_id,
        region=context.region,
        correlation_id=context.correlation_id,
        language=context.language,
        session_id=context.session_id,
    )


def subject(message: pb.Subject, field: str = "subject") -> model.Subject:
    """Who is meant, the telephone number normalised.

    Raises:
        MeshError: INVALID_REQUEST when neither phone nor customer id is given, or the number can't be one.
    """
    if not message.phone and not message.customer_id:
        raise _invalid(field, "required", "give a phone, a customer_id, or both")
    phone = ""
    if message.phone:
        try:
            phone = normalise(message.phone)
        except ValueError as error:
            raise _invalid(f"{field}.phone", "pattern", str(error)) from error
    return model.Subject(phone, message.customer_id)


def channel(number: int, field: str = "channel") -> model.Channel:
    """A channel. Raises MeshError(INVALID_REQUEST) for one this service doesn't know."""
    return _known(_CHANNELS, number, field)


def purpose(number: int, field: str = "purpose") -> model.Purpose:
    """A purpose. Raises MeshError(INVALID_REQUEST) for one this service doesn't know."""
    return _known(_PURPOSES, number, field)


def state(number: int) -> model.State:
    """What was said. Raises MeshError(INVALID_REQUEST) for a value this service doesn't know."""
    return _known(_STATES, number, "state")


def check(message: ConsentCheck) -> model.Check:
    """A question. Raises MeshError(INVALID_REQUEST) naming the field that is wrong."""
    return model.Check(
        subject=subject(message.subject, "check.subject"),
        channel=channel(message.channel, "check.channel"),
        purpose=purpose(message.purpose, "check.purpose"),
        caller_initiated=message.caller_initiated,
    )


def evidence(message: pb.Evidence) -> model.Evidence:
    """What proves a consent."""
    return model.Evidence(
        source=message.source,
        wording=message.wording,
        reference=message.reference,
        captured_at=moment(message, "captured_at"),
    )


def moment(message: Message, name: str) -> datetime | None:
    """A time of a message, None when unset. That it lies in the calendar is a rule of every Timestamp."""
    return to_datetime(getattr(message, name)) if message.HasField(name) else None


def decision_pb(decision: model.Decision) -> pb.Decision:
    """The answer to a check."""
    return pb.Decision(
        outcome=pb.Outcome.Value(f"OUTCOME_{decision.outcome.name}"),
        reason=pb.DecisionReason.Value(f"DECISION_REASON_{decision.reason.name}"),
        record_id=decision.record_id,
        decided_at=to_timestamp(decision.decided_at),
        valid_until=to_timestamp(decision.valid_until),
    )


def record_pb(record: model.ConsentRecord) -> pb.ConsentRecord:
    """An entry of a history."""
    proof = record.evidence
    return pb.ConsentRecord(
        record_id=record.record_id,
        subject=_subject_pb(record.subject),
        channel=pb.Channel.Value(f"CHANNEL_{record.channel.name}"),
        purpose=pb.Purpose.Value(f"PURPOSE_{record.purpose.name}"),
        state=pb.ConsentState.Value(f"CONSENT_STATE_{record.state.name}"),
        evidence=pb.Evidence(
            source=proof.source,
            wording=proof.wording,
            reference=proof.reference,
            captured_at=_timestamp(proof.captured_at),
        ),
        expires_at=_timestamp(record.expires_at),
        recorded_at=to_timestamp(record.recorded_at),
        correlation_id=record.scope.correlation_id,
        tenant_id=record.scope.tenant_id,
        region=record.scope.region,
        language=record.scope.language,
    )


def suppression_pb(suppression: model.Suppression) -> pb.Suppression:
    """An entry of the suppression list."""
    return pb.Suppression(
        suppression_id=suppression.suppression_id,
        subject=_subject_pb(suppression.subject),
        channel=pb.Channel.Value(f"CHANNEL_{suppression.channel.name}")
        if suppression.channel
        else pb.CHANNEL_UNSPECIFIED,
        reason=suppression.reason,
        recorded_at=to_timestamp(suppression.recorded_at),
        correlation_id=suppression.scope.correlation_id,
        expires_at=_timestamp(suppression.expires_at),
        tenant_id=suppression.scope.tenant_id,
        region=suppression.scope.region,
        language=suppression.scope.language,
    )


def _subject_pb(subject: model.Subject) -> pb.Subject:
    return pb.Subject(phone=subject.phone, customer_id=subject.customer_id)


def _timestamp(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else to_timestamp(moment)


def _known(values: Mapping[int, ValueT], number: int, field: str) -> ValueT:
    try:
        return values[number]
    except KeyError:
        raise _invalid(field, "enum", f"{number} is no value this service knows; see consent.proto") from None


def _invalid(field: str, rule: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        f"{field}: {advice}",
        metadata={"field": field, "rule": rule},
    )
