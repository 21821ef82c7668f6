"""The events that a write leads to: ConsentGranted and ConsentWithdrawn."""

from datetime import datetime

from voicemesh.events.v1.business_events_pb2 import ConsentGranted, ConsentWithdrawn
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.bus import new_event_id
from mesh.durations import to_timestamp
from services.consent.model import ConsentRecord, Scope, State, Subject, Suppression


def of_record(record: ConsentRecord) -> ConsentGranted | ConsentWithdrawn:
    """The event of a consent record: a yes grants, a refusal or revocation withdraws."""
    context = _context(record.scope, record.subject, record.recorded_at)
    if record.state is State.GRANTED:
        return ConsentGranted(
            context=context,
            record_id=record.record_id,
            channel=record.channel.value,
            purpose=record.purpose.value,
        )
    return ConsentWithdrawn(
        context=context,
        record_id=record.record_id,
        channel=record.channel.value,
        purpose=record.purpose.value,
        reason=record.state.value,
    )


def of_suppression(suppression: Suppression) -> ConsentWithdrawn:
    """The event of a suppression: no purpose is left, and no channel unless it names one."""
    return ConsentWithdrawn(
        context=_context(suppression.scope, suppression.subject, suppression.recorded_at),
        record_id=suppression.suppression_id,
        channel=suppression.channel.value if suppression.channel else "",
        reason="suppressed",
    )


def _context(scope: Scope, subject: Subject, occurred_at: datetime) -> EventContext:
    return EventContext(
        event_id=new_event_id(),
        occurred_at=to_timestamp(occurred_at),
        tenant_id=scope.tenant_id,
        region=scope.region,
        correlation_id=scope.correlation_id,
        language=scope.language,
        session_id=scope.session_id,
        customer=CustomerReference(customer_id=subject.customer_id, phone=subject.phone),
    )
