"""The events of conflicts. None holds a value: who wants it asks `ConflictService`, which checks who asks."""

from datetime import UTC, datetime

from voicemesh.events.v1.contact_events_pb2 import ConflictDetected, ConflictResolved
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.durations import to_timestamp
from services.crm_gateway.conflicts.merging import Outcome
from services.crm_gateway.conflicts.model import Conflict
from services.crm_gateway.events import reference
from services.crm_gateway.model import Contact, Scope


def conflict_detected(
    scope: Scope,
    contact: Contact,
    *,
    conflict_id: str,
    field: str,
    outcome: Outcome,
    version: int,
) -> ConflictDetected:
    """Say that sources disagree; the outcome has somebody who is overruled."""
    return ConflictDetected(
        context=event_context(scope, contact, f"conflict.{conflict_id}.{version}"),
        conflict_id=conflict_id,
        field=field,
        kept_source=outcome.kept.source if outcome.kept else "",
        overruled_sources=[other.statement.source for other in outcome.overruled],
        because=outcome.overruled[0].because,
        waits=outcome.waits,
        version=version,
    )


def conflict_resolved(scope: Scope, contact: Contact, conflict: Conflict) -> ConflictResolved:
    """Say that a person decided."""
    return ConflictResolved(
        context=event_context(scope, contact, f"conflict.{conflict.conflict_id}.{conflict.version}.resolved"),
        conflict_id=conflict.conflict_id,
        field=conflict.field,
        resolved_by=conflict.resolved_by,
        reason=conflict.reason,
        contact_version=contact.version,
    )


def event_context(scope: Scope, contact: Contact | None, event_id: str) -> EventContext:
    """Return the context of an event about a contact, of now."""
    return EventContext(
        event_id=event_id,
        occurred_at=to_timestamp(datetime.now(UTC)),
        tenant_id=scope.tenant_id,
        region=scope.region,
        correlation_id=scope.correlation_id,
        language=scope.language,
        session_id=scope.session_id,
        customer=reference(contact),
    )
