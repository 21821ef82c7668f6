"""The gateway's tables. The Alembic revisions under `migrations/` create them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from mesh.database import UtcDateTime
from mesh.outbox import outbox_table

metadata = MetaData()


def scope_columns(*, key: bool = False) -> list[Column[str]]:
    """What every table holds of the request or event that wrote the row; `key`: the tenant is part of its key."""
    return [
        Column("tenant_id", String(64), primary_key=key, nullable=False),
        Column("region", String(32), nullable=False),
        Column("correlation_id", String(64), nullable=False),
        Column("language", String(35), nullable=False),
    ]


contacts = Table(
    "crm_contacts",
    metadata,
    Column("contact_id", String(64), primary_key=True),
    *scope_columns(),
    Column("customer_id", String(128), nullable=True),
    Column("display_name", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("tenant_id", "customer_id", name="uq_crm_contacts_customer"),
)

# A number may be several contacts': families and offices share one.
phones = Table(
    "crm_contact_phones",
    metadata,
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), primary_key=True),
    Column("phone", String(20), primary_key=True),
    *scope_columns(),
    Column("position", Integer, nullable=False),
    Index("ix_crm_contact_phones_phone", "tenant_id", "phone"),
)

emails = Table(
    "crm_contact_emails",
    metadata,
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), primary_key=True),
    Column("email", String(320), primary_key=True),
    *scope_columns(),
    Column("position", Integer, nullable=False),
    Index("ix_crm_contact_emails_email", "tenant_id", "email"),
)

# The local CRM's own table: what calls left behind.
records = Table(
    "crm_records",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("record_id", String(64), nullable=False, unique=True),
    *scope_columns(),
    Column("session_id", String(64), nullable=False),
    Column("turn_id", String(64), nullable=False),
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id"), nullable=True),
    Column("kind", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    # Whether it was open when it came; of which kind it ends one; which record ended it.
    Column("opened", Boolean, nullable=False, server_default=false()),
    Column("closes", String(64), nullable=False, server_default=""),
    Column("closed_by", String(64), nullable=True),
    Column("title", Text, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("confidence", Float, nullable=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("tenant_id", "event_id", name="uq_crm_records_event"),
    Index("ix_crm_records_session", "tenant_id", "session_id", "sequence"),
    Index("ix_crm_records_contact", "tenant_id", "contact_id", "sequence"),
    Index("ix_crm_records_kind", "tenant_id", "kind", "sequence"),
)

# What waits to be written to another business system, was written, or cannot be.
deliveries = Table(
    "crm_deliveries",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("vendor", String(64), nullable=False),
    *scope_columns(),
    Column("session_id", String(64), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("record_id", String(64), nullable=False),
    Column("contact_id", String(64), nullable=True),
    # Deliveries of one key are made one after the other.
    Column("order_key", String(192), nullable=False),
    Column("kind", String(64), nullable=False),
    # How urgent it is: `model.Profile`.
    Column("profile", String(16), nullable=False, server_default="realtime"),
    Column("record", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # When the first attempt began: from then on it may be there.
    Column("begun_at", UtcDateTime, nullable=True),
    Column("due_at", UtcDateTime, nullable=False),
    Column("leased_until", UtcDateTime, nullable=True),
    Column("worker", String(64), nullable=False),
    Column("vendor_record_id", String(128), nullable=False),
    Column("last_error", Text, nullable=False),
    # The trace of the call, as headers.
    Column("trace", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime, nullable=True),
    # Whether only its keys are kept: `retention.py`.
    Column("stripped", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("tenant_id", "vendor", "event_id", name="uq_crm_deliveries_event"),
    Index("ix_crm_deliveries_kept", "stripped", "state", "settled_at"),
    # In the order of the claim: a backlog is not sorted each time.
    Index("ix_crm_deliveries_next", "vendor", "state", "profile", "sequence"),
    Index("ix_crm_deliveries_order", "vendor", "order_key", "state", "sequence"),
)

# How many writes a business system may still take now: one token each.
allowances = Table(
    "crm_allowances",
    metadata,
    Column("vendor", String(64), primary_key=True),
    Column("tenant_id", String(64), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("counted_at", UtcDateTime, nullable=False),
)

# Who alone may do something, and until when.
leases = Table(
    "crm_leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("held_until", UtcDateTime, nullable=False),
)

outbox = outbox_table(metadata, "crm_outbox")
