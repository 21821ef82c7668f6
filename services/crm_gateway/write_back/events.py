"""The events of write-back: a record was given up; a business system is left alone, and written to again."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from voicemesh.events.v1.dead_letter_events_pb2 import DeadLetterDropped, DeadLetterReplayed
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.write_back_events_pb2 import CircuitClosed, CircuitOpened, WriteBackFailed

from mesh.bus import new_event_id
from mesh.durations import to_timestamp
from services.crm_gateway.deliveries import CircuitChange, DeadLetter, GivenUp, Order
from services.crm_gateway.events import learned_from, reference
from services.crm_gateway.model import Contact, Scope


def write_back_failed(vendor: str, result: GivenUp) -> WriteBackFailed:
    """Say that a record was given up; to be written in the transaction that makes it a dead letter."""
    delivery = result.delivery
    context = _context(delivery.record.scope, delivery.contact)
    learned_from(context, delivery.record)
    return WriteBackFailed(
        context=context,
        vendor=vendor,
        kind=delivery.record.kind,
        record_id=delivery.record.record_id,
        source_event_id=delivery.record.event_id,
        dead_letter_id=delivery.sequence,
        attempts=delivery.attempt,
        reason=result.error,
    )


def replayed(letter: DeadLetter, contact: Contact | None, order: Order) -> DeadLetterReplayed:
    """Say that a person has a record written after all."""
    return DeadLetterReplayed(**_ordered(letter, contact), replayed_by=order.by, purpose=order.purpose)


def dropped(letter: DeadLetter, contact: Contact | None, order: Order) -> DeadLetterDropped:
    """Say that a person gave a record up for good."""
    return DeadLetterDropped(**_ordered(letter, contact), dropped_by=order.by, purpose=order.purpose)


def _ordered(letter: DeadLetter, contact: Contact | None) -> dict[str, Any]:
    context = _context(letter.record.scope, contact)
    learned_from(context, letter.record)
    return {
        "context": context,
        "vendor": letter.vendor,
        "kind": letter.record.kind,
        "record_id": letter.record.record_id,
        "source_event_id": letter.record.event_id,
        "dead_letter_id": letter.sequence,
    }


def circuit_changed(vendor: str, change: CircuitChange) -> Message:
    """Say that a business system is left alone, or written to again."""
    context, opened_at = _context(change.scope), to_timestamp(change.opened_at)
    if not change.open:
        return CircuitClosed(context=context, vendor=vendor, worker=change.worker, opened_at=opened_at)
    retry_at = to_timestamp(change.retry_at) if change.retry_at else None
    return CircuitOpened(context=context, vendor=vendor, worker=change.worker, reason=change.reason, retry_at=retry_at)


def _context(scope: Scope, contact: Contact | None = None) -> EventContext:
    return EventContext(
        event_id=new_event_id(),
        occurred_at=to_timestamp(datetime.now(UTC)),
        tenant_id=scope.tenant_id,
        region=scope.region,
        correlation_id=scope.correlation_id,
        language=scope.language,
        session_id=scope.session_id,
        customer=reference(contact),
    )
