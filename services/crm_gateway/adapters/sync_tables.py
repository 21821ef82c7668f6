"""Tables of what business systems and the consent service say: links, items, consents, cursors, messages taken."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from mesh.database import UtcDateTime
from services.crm_gateway.adapters.tables import metadata, scope_columns

# Which contact a business system's contact is. Erasure empties it by `contact_id`.
links = Table(
    "crm_vendor_contacts",
    metadata,
    *scope_columns(key=True),
    Column("vendor", String(64), primary_key=True),
    Column("vendor_contact_id", String(128), primary_key=True),
    # NULL: its contact was gone before anything else was known of it.
    Column("contact_id", String(64), ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=True),
    # How far the business has come with them, in its own words.
    Column("stage", String(64), nullable=False),
    Column("suppressed", Boolean, nullable=False),
    Column("gone", Boolean, nullable=False),
    # Its last change there: what is older is not taken.
    Column("changed_at", UtcDateTime, nullable=False),
    Column("revision", String(96), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_crm_vendor_contacts_contact", "tenant_id", "contact_id"),
)

# Deals, tickets and the like as a business system has them. Their contact may come later: it is found by `links`.
items = Table(
    "crm_vendor_items",
    metadata,
    *scope_columns(key=True),
    Column("vendor", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("item_id", String(128), primary_key=True),
    Column("vendor_contact_id", String(128), nullable=False),
    # The record of ours that it is; empty: none.
    Column("record_id", String(128), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(64), nullable=False),
    Column("is_open", Boolean, nullable=False),
    # A decimal number; empty: none.
    Column("amount", String(32), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("revision", String(96), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_crm_vendor_items_contact", "tenant_id", "vendor", "vendor_contact_id", "is_open"),
    Index("ix_crm_vendor_items_record", "tenant_id", "record_id"),
)

# The last word on consent for each name of a customer, as the consent service published it.
consents = Table(
    "crm_consents",
    metadata,
    *scope_columns(key=True),
    # A name of the customer: "customer_id", "phone" or "contact_id", and its value.
    Column("key_kind", String(16), primary_key=True),
    Column("key_value", String(128), primary_key=True),
    # Empty: all.
    Column("channel", String(32), primary_key=True),
    Column("purpose", String(32), primary_key=True),
    # "granted", "refused", "revoked" or "suppressed".
    Column("state", String(16), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# How far a business system's changes were read.
cursors = Table(
    "crm_sync_cursors",
    metadata,
    *scope_columns(key=True),
    Column("vendor", String(64), primary_key=True),
    # Empty: from the beginning.
    Column("cursor", Text, nullable=False),
    # When all there was had been read for the first time; NULL: not yet.
    Column("complete_at", UtcDateTime, nullable=True),
    Column("read_at", UtcDateTime, nullable=True),
    # When the newest change that was applied happened there.
    Column("changed_at", UtcDateTime, nullable=True),
    Column("applied", Integer, nullable=False),
    Column("ignored", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("last_refusal", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("failed_at", UtcDateTime, nullable=True),
    Column("webhook_at", UtcDateTime, nullable=True),
)

# Webhooks that were taken: the same message again changes nothing.
receipts = Table(
    "crm_webhook_receipts",
    metadata,
    *scope_columns(key=True),
    Column("vendor", String(64), primary_key=True),
    Column("webhook_id", String(256), primary_key=True),
    Column("received_at", UtcDateTime, nullable=False, index=True),
)
