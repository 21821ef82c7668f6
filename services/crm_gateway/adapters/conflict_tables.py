"""The tables of what is said of contacts, where those who say it disagree, and what persons corrected."""

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from mesh.database import UtcDateTime
from services.crm_gateway.adapters.tables import metadata, scope_columns

# What has to be kept of what each source said of a contact: see `conflicts/merging.py`.
statements = Table(
    "crm_statements",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    *scope_columns(),
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=False),
    Column("field", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("statement_id", String(128), nullable=False),
    Column("value", JSON, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("confidence", Float, nullable=True),
    Column("taken_at", UtcDateTime, nullable=False),
    Index("ix_crm_statements_contact", "contact_id", "field"),
)

# When business systems were seen to say a value: see `sightings.py`.
sightings = Table(
    "crm_sightings",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    *scope_columns(),
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=False),
    Column("field", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("statement_id", String(128), nullable=False),
    Column("value", JSON, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index("ix_crm_sightings_contact", "contact_id", "source", "field"),
)

# Where sources disagreed, and who decided.
conflicts = Table(
    "crm_conflicts",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("conflict_id", String(64), nullable=False, unique=True),
    *scope_columns(),
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=False),
    Column("field", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("kept", JSON, nullable=True),
    Column("overruled", JSON, nullable=False),
    Column("rules_version", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("detected_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime, nullable=True),
    Column("resolved_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_crm_conflicts_contact", "tenant_id", "contact_id", "field", "state"),
    Index("ix_crm_conflicts_state", "tenant_id", "state", "sequence"),
    Index("ix_crm_conflicts_kept", "state", "settled_at"),
)

# What persons put right, and where it went.
corrections = Table(
    "crm_corrections",
    metadata,
    Column("tenant_id", String(64), primary_key=True),
    Column("correction_id", String(128), primary_key=True),
    Column("region", String(32), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("language", String(35), nullable=False),
    Column("contact_id", String(64), nullable=True),
    # Of a record the event it was made from; empty: the contact itself was put right.
    Column("event_id", String(128), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("vendors", JSON, nullable=False),
    Column("corrected_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("corrected_at", UtcDateTime, nullable=False),
    Index("ix_crm_corrections_contact", "tenant_id", "contact_id"),
)
