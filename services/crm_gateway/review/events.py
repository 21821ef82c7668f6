"""The events of the review queue: each move of a draft is one."""

from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from voicemesh.common.v1 import review_pb2
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER
from voicemesh.events.v1 import review_events_pb2 as pb
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.durations import to_duration, to_timestamp
from services.crm_gateway.model import Contact, NewRecord, RecordState
from services.crm_gateway.review.escrow import Doubt
from services.crm_gateway.review.model import Change, Content, Draft, Evidence, Step


def event_of(draft: Draft, step: Step, contact: Contact | None) -> Message:
    """Return the event of a draft's step; its id is the same each time it is made of the same step."""
    common = _common(draft, contact, step)
    match step.new_state:
        case RecordState.DRAFT:
            doubts = draft.record.escrow.doubts if draft.record.escrow else ()
            return pb.DraftMade(**common, doubts=map(doubt_pb, doubts), due_at=to_timestamp(draft.due_at))
        case RecordState.REVIEWED:
            changes = map(change_pb, step.changes)
            return pb.DraftReviewed(**common, reviewed_by=step.by, changes=changes, note=step.note)
        case RecordState.APPLIED:
            return pb.DraftApplied(**common, reviewed_by=draft.reviewed_by, changes=map(change_pb, step.changes))
        case RecordState.REJECTED:
            return pb.DraftRejected(**common, rejected_by=step.by, note=step.note)


def _common(draft: Draft, contact: Contact | None, step: Step) -> dict[str, Any]:
    record = draft.record
    return {
        "context": _context(draft, contact, step.at, step.version),
        "vendor": draft.vendor,
        "kind": record.kind,
        "record_id": record.record_id,
        "source_event_id": record.event_id,
        **evidence_pb(draft.evidence),
    }


def _context(draft: Draft, contact: Contact | None, at: datetime, version: int) -> EventContext:
    record, scope = draft.record, draft.record.scope
    context = EventContext(
        event_id=f"draft.{draft.vendor}.{record.record_id}.{version}",
        occurred_at=to_timestamp(at),
        tenant_id=scope.tenant_id,
        region=scope.region,
        correlation_id=scope.correlation_id,
        language=scope.language,
        session_id=scope.session_id,
        turn_id=record.turn_id,
        speaker=SPEAKER_CALLER,
        confidence=record.confidence,
        customer=_customer(contact),
    )
    place = audio_offset_s(record)
    if place is not None:
        context.audio_offset.CopyFrom(to_duration(place))
    return context


def audio_offset_s(record: NewRecord) -> float | None:
    """Return where in the call a record's words lie, in seconds on the audio clock; None: not known."""
    return record.escrow.audio_offset_s if record.escrow else None


def _customer(contact: Contact | None) -> CustomerReference:
    if contact is None:
        return CustomerReference()
    phone = contact.phones[0] if contact.phones else ""
    return CustomerReference(contact_id=contact.contact_id, customer_id=contact.customer_id, phone=phone)


def evidence_pb(evidence: Evidence) -> dict[str, Any]:
    """Return the fields of a message that say where the words lie."""
    return {
        "transcript_reference": evidence.transcript_reference,
        "transcript": _content_pb(evidence.transcript),
        "audio": _content_pb(evidence.audio),
    }


def _content_pb(content: Content | None) -> ContentReference | None:
    if content is None:
        return None
    return ContentReference(uri=content.uri, sha256=content.sha256, media_type=content.media_type, size=content.size)


def doubt_pb(doubt: Doubt) -> review_pb2.DoubtfulField:
    """Return a doubt's proto."""
    return review_pb2.DoubtfulField(
        field=doubt.field, value=doubt.value, confidence=doubt.confidence, threshold=doubt.threshold
    )


def change_pb(change: Change) -> review_pb2.FieldChange:
    """Return a change's proto."""
    return review_pb2.FieldChange(field=change.field, old_value=change.old, new_value=change.new)
