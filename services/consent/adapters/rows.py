"""Between the consent domain and the rows of its tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from services.consent.model import (
    Channel,
    ConsentRecord,
    Evidence,
    Purpose,
    Scope,
    State,
    Subject,
    Suppression,
)


def scope_values(scope: Scope) -> dict[str, str]:
    """The columns of whom a row was written for."""
    return {
        "tenant_id": scope.tenant_id,
        "region": scope.region,
        "correlation_id": scope.correlation_id,
        "language": scope.language,
        "session_id": scope.session_id,
    }


def record_values(entry: ConsentRecord, idempotency_key: str) -> dict[str, Any]:
    """The row of a record; its sequence is the database's to give."""
    return {
        "record_id": entry.record_id,
        **scope_values(entry.scope),
        "phone": entry.subject.phone,
        "customer_id": entry.subject.customer_id,
        "channel": entry.channel.value,
        "purpose": entry.purpose.value,
        "state": entry.state.value,
        "evidence_source": entry.evidence.source,
        "evidence_wording": entry.evidence.wording,
        "evidence_reference": entry.evidence.reference,
        "evidence_captured_at": entry.evidence.captured_at,
        "recorded_at": entry.recorded_at,
        "expires_at": entry.expires_at,
        "idempotency_key": idempotency_key,
    }


def suppression_values(entry: Suppression, idempotency_key: str) -> dict[str, Any]:
    """The row of a suppression; its sequence is the database's to give."""
    return {
        "suppression_id": entry.suppression_id,
        **scope_values(entry.scope),
        "phone": entry.subject.phone,
        "customer_id": entry.subject.customer_id,
        "channel": entry.channel.value if entry.channel else "",
        "reason": entry.reason,
        "recorded_at": entry.recorded_at,
        "expires_at": entry.expires_at,
        "idempotency_key": idempotency_key,
    }


def record_content(entry: ConsentRecord) -> ConsentRecord:
    """The record without what differs each time the same request is repeated."""
    return replace(entry, record_id="", sequence=0, scope=_NOBODY, recorded_at=_NEVER)


def suppression_content(entry: Suppression) -> Suppression:
    """The suppression without what differs each time the same request is repeated."""
    return replace(entry, suppression_id="", sequence=0, scope=_NOBODY, recorded_at=_NEVER)


_NOBODY = Scope("", "", "", "")
_NEVER = datetime.min.replace(tzinfo=UTC)


def _scope(row: Row[Any]) -> Scope:
    return Scope(row.tenant_id, row.region, row.correlation_id, row.language, row.session_id)


def record(row: Row[Any]) -> ConsentRecord:
    """The record that a row holds."""
    return ConsentRecord(
        record_id=row.record_id,
        sequence=row.sequence,
        scope=_scope(row),
        subject=Subject(row.phone, row.customer_id),
        channel=Channel(row.channel),
        purpose=Purpose(row.purpose),
        state=State(row.state),
        evidence=Evidence(row.evidence_source, row.evidence_wording, row.evidence_reference, row.evidence_captured_at),
        recorded_at=row.recorded_at,
        expires_at=row.expires_at,
    )


def suppression(row: Row[Any]) -> Suppression:
    """The suppression that a row holds."""
    return Suppression(
        suppression_id=row.suppression_id,
        sequence=row.sequence,
        scope=_scope(row),
        subject=Subject(row.phone, row.customer_id),
        channel=Channel(row.channel) if row.channel else None,
        reason=row.reason,
        recorded_at=row.recorded_at,
        expires_at=row.expires_at,
    )
