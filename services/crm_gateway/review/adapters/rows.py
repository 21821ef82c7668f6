"""Drafts and their steps as rows."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.crm_gateway.model import NewRecord, RecordState
from services.crm_gateway.review.model import Change, Content, Draft, Evidence, Step

_records = TypeAdapter(NewRecord)
_changes = TypeAdapter(tuple[Change, ...])
_contents = TypeAdapter(Content)


def draft_of(row: sa.Row[Any]) -> Draft:
    """Read a draft."""
    return Draft(
        sequence=row.sequence,
        vendor=row.vendor,
        record=replace(_records.validate_python(row.record), state=RecordState(row.state)),
        version=row.version,
        contact_id=row.contact_id or "",
        made_at=row.made_at,
        due_at=row.due_at,
        changed_at=row.changed_at,
        decided_at=row.decided_at,
        reviewed_by=row.reviewed_by,
        evidence=Evidence(
            row.transcript_reference,
            _contents.validate_python(row.transcript) if row.transcript else None,
            _contents.validate_python(row.audio) if row.audio else None,
        ),
        trace=row.trace,
    )


def new_row(draft: Draft) -> dict[str, Any]:
    """Return the columns of a draft that is written for the first time."""
    record, scope = draft.record, draft.record.scope
    return {
        **_scope(record),
        "vendor": draft.vendor,
        "event_id": record.event_id,
        "record_id": record.record_id,
        "session_id": scope.session_id,
        "turn_id": record.turn_id,
        "kind": record.kind,
        "audio_offset_s": record.escrow.audio_offset_s if record.escrow else None,
        "trace": dict(draft.trace),
        "made_at": draft.made_at,
        "due_at": draft.due_at,
        **evidence_columns(draft.evidence),
        **changed_columns(draft),
    }


def changed_columns(draft: Draft) -> dict[str, Any]:
    """Return the columns that a move changes."""
    return {
        "state": draft.state,
        "version": draft.version,
        "contact_id": draft.contact_id or None,
        "record": _records.dump_python(draft.record, mode="json"),
        "reviewed_by": draft.reviewed_by,
        "changed_at": draft.changed_at,
        "decided_at": draft.decided_at,
    }


def evidence_columns(evidence: Evidence) -> dict[str, Any]:
    """Return the columns that say where the words lie; an empty object where there are none."""
    return {
        "transcript_reference": evidence.transcript_reference,
        "transcript": _contents.dump_python(evidence.transcript) if evidence.transcript else {},
        "audio": _contents.dump_python(evidence.audio) if evidence.audio else {},
    }


def step_row(draft: Draft, step: Step) -> dict[str, Any]:
    """Return the columns of a step."""
    return {
        "draft": draft.sequence,
        **_scope(draft.record),
        "version": step.version,
        "old_state": step.old_state or "",
        "new_state": step.new_state,
        "by": step.by,
        "at": step.at,
        "changes": _changes.dump_python(step.changes, mode="json"),
        "note": step.note,
    }


def step_of(row: sa.Row[Any]) -> Step:
    """Read a step."""
    return Step(
        version=row.version,
        old_state=RecordState(row.old_state) if row.old_state else None,
        new_state=RecordState(row.new_state),
        by=row.by,
        at=row.at,
        changes=_changes.validate_python(row.changes),
        note=row.note,
    )


def _scope(record: NewRecord) -> dict[str, str]:
    scope = record.scope
    return {
        "tenant_id": scope.tenant_id,
        "region": scope.region,
        "correlation_id": scope.correlation_id,
        "language": scope.language,
    }
