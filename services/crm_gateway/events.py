"""The event the gateway publishes."""

from datetime import UTC, datetime

from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER
from voicemesh.events.v1.business_events_pb2 import RecordWritten
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.durations import to_timestamp
from services.crm_gateway.model import Contact, ContactKey, NewRecord, Scope


def record_written(
    scope: Scope,
    contact: Contact | None,
    *,
    vendor: str,
    kind: str,
    record_id: str,
    source_event_id: str,
    event_id: str,
    record: NewRecord | None = None,
) -> RecordWritten:
    """Say that a record was written. `event_id` must be the same each time this is said of the same writing.

    Args:
        record: what a call said; None: it was not a call that led to it.
    """
    event = RecordWritten(
        context=EventContext(
            event_id=event_id,
            occurred_at=to_timestamp(datetime.now(UTC)),
            tenant_id=scope.tenant_id,
            region=scope.region,
            correlation_id=scope.correlation_id,
            language=scope.language,
            session_id=scope.session_id,
            customer=reference(contact),
        ),
        vendor=vendor,
        kind=kind,
        record_id=record_id,
        source_event_id=source_event_id,
    )
    if record is not None:
        learned_from(event.context, record)
    return event


def contact_written(scope: Scope, contact: Contact) -> RecordWritten:
    """Say that a contact was made or changed."""
    return record_written(
        scope,
        contact,
        vendor="canonical",
        kind="contact",
        record_id=contact.contact_id,
        source_event_id="",
        event_id=f"contact.{contact.contact_id}.{contact.version}",
    )


def learned_from(context: EventContext, record: NewRecord) -> None:
    """Say in which turn a record's facts were learned, whose words they are and how sure they are."""
    if record.turn_id:
        context.turn_id, context.speaker = record.turn_id, SPEAKER_CALLER
    if record.confidence is not None:
        context.confidence = record.confidence


def reference(contact: Contact | None) -> CustomerReference:
    """Return how an event names a contact; without one it names nobody."""
    if contact is None:
        return CustomerReference()
    return CustomerReference(
        contact_id=contact.contact_id,
        customer_id=contact.customer_id,
        phone=contact.phones[0] if contact.phones else "",
    )


def keys_of(customer: CustomerReference) -> frozenset[ContactKey]:
    """Return the names by which an event says whose record it is."""
    named = (
        ContactKey("contact_id", customer.contact_id),
        ContactKey("customer_id", customer.customer_id),
        ContactKey("phone", customer.phone),
    )
    return frozenset(key for key in named if key.value)
