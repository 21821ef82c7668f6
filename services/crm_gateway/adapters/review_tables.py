"""The review queue's tables: drafts, and all that happened to them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from mesh.database import UtcDateTime
from services.crm_gateway.adapters.tables import metadata, scope_columns

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")

# A write that waits, or waited, for a person: one for each business system that the event goes to.
drafts = Table(
    "crm_drafts",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    *scope_columns(),
    Column("vendor", String(64), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("record_id", String(64), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("turn_id", String(64), nullable=False),
    Column("contact_id", String(64), nullable=True),
    Column("kind", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    # What is to be written, with what is doubtful in it.
    Column("record", JSON, nullable=False),
    Column("audio_offset_s", Float, nullable=True),
    # Where the redacted transcript and the turn's audio lie, once that is known.
    Column("transcript_reference", Text, nullable=False),
    Column("transcript", JSON, nullable=False),
    Column("audio", JSON, nullable=False),
    # The trace of the call, as headers.
    Column("trace", JSON, nullable=False),
    Column("reviewed_by", String(128), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=True),
    # Whether only its keys are kept: `retention.py`.
    Column("stripped", Boolean, nullable=False, server_default=false()),
    Index("ix_crm_drafts_kept", "stripped", "state", "changed_at"),
    UniqueConstraint("tenant_id", "vendor", "event_id", name="uq_crm_drafts_event"),
    Index("ix_crm_drafts_state", "tenant_id", "state", "sequence"),
    Index("ix_crm_drafts_session", "tenant_id", "session_id"),
    Index("ix_crm_drafts_contact", "tenant_id", "contact_id"),
    Index("ix_crm_drafts_waiting", "state", "vendor", "kind", "made_at"),
)

# Rows are added, never changed: what somebody did stays as it was done.
draft_steps = Table(
    "crm_draft_steps",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("draft", _SEQUENCE, ForeignKey("crm_drafts.sequence"), nullable=False),
    *scope_columns(),
    Column("version", Integer, nullable=False),
    Column("old_state", String(16), nullable=False),
    Column("new_state", String(16), nullable=False),
    Column("by", String(128), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("changes", JSON, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("draft", "version", name="uq_crm_draft_steps_version"),
)
