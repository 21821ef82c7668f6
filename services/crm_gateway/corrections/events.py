"""The events of corrections. None holds a value."""

from collections.abc import Sequence

from voicemesh.events.v1.contact_events_pb2 import ContactCorrected, RecordCorrected

from services.crm_gateway.conflicts.events import event_context
from services.crm_gateway.corrections.model import Correction
from services.crm_gateway.model import Contact, NewRecord, Scope


def contact_corrected(
    scope: Scope, contact: Contact, correction: Correction, names: Sequence[str], vendors: Sequence[str]
) -> ContactCorrected:
    """Say that a contact was put right, and who is told."""
    return ContactCorrected(
        context=event_context(scope, contact, f"{correction.correction_id}.contact"),
        correction_id=correction.correction_id,
        fields=names,
        vendors=vendors,
        corrected_by=correction.by,
        contact_version=contact.version,
    )


def record_corrected(
    record: NewRecord, contact: Contact | None, correction: Correction, names: Sequence[str], vendors: Sequence[str]
) -> RecordCorrected:
    """Say that a record was put right, and who is told."""
    return RecordCorrected(
        context=event_context(record.scope, contact, f"{correction.correction_id}.record"),
        correction_id=correction.correction_id,
        source_event_id=record.event_id,
        kind=record.kind,
        fields=names,
        vendors=vendors,
        corrected_by=correction.by,
        reason=correction.reason,
    )
