"""The tables of the consent store. The Alembic revisions under `migrations/` create them."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from mesh.database import UtcDateTime
from mesh.outbox import outbox_table

metadata = MetaData()

# SQLite counts only an INTEGER primary key by itself.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")


def _scope_columns() -> list[Column[str]]:
    """What every table holds of the request that wrote the row."""
    return [
        Column("tenant_id", String(64), nullable=False),
        Column("region", String(32), nullable=False),
        Column("correlation_id", String(64), nullable=False),
        Column("language", String(35), nullable=False),
        Column("session_id", String(64), nullable=False),
    ]


def _subject_columns() -> list[Column[str]]:
    return [
        Column("phone", String(16), nullable=False),
        Column("customer_id", String(128), nullable=False),
    ]


records = Table(
    "consent_records",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("record_id", String(64), nullable=False, unique=True),
    *_scope_columns(),
    *_subject_columns(),
    Column("channel", String(16), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("evidence_source", String(64), nullable=False),
    Column("evidence_wording", Text, nullable=False),
    Column("evidence_reference", String(1000), nullable=False),
    Column("evidence_captured_at", UtcDateTime, nullable=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("idempotency_key", String(128), nullable=False),
    UniqueConstraint("tenant_id", "idempotency_key", name="uq_consent_records_idempotency"),
    Index("ix_consent_records_phone", "tenant_id", "phone", "sequence"),
    Index("ix_consent_records_customer", "tenant_id", "customer_id", "sequence"),
)

suppressions = Table(
    "consent_suppressions",
    metadata,
    Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    Column("suppression_id", String(64), nullable=False, unique=True),
    *_scope_columns(),
    *_subject_columns(),
    Column("channel", String(16), nullable=False),
    Column("reason", String(256), nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("idempotency_key", String(128), nullable=False),
    UniqueConstraint("tenant_id", "idempotency_key", name="uq_consent_suppressions_idempotency"),
    Index("ix_consent_suppressions_phone", "tenant_id", "phone"),
    Index("ix_consent_suppressions_customer", "tenant_id", "customer_id"),
)

# A removal is a row of its own: the suppression it ends stays as it was written.
removals = Table(
    "consent_suppression_removals",
    metadata,
    Column("suppression_id", String(64), primary_key=True),
    *_scope_columns(),
    Column("reason", String(256), nullable=False),
    Column("removed_at", UtcDateTime, nullable=False),
)

outbox = outbox_table(metadata, "consent_outbox")
