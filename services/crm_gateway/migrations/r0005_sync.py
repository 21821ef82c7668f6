"""What business systems and the consent service say: links, items, consents, cursors, messages taken."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]


def upgrade() -> None:
    """Create the tables."""
    _create_what_they_say()
    op.create_table(
        "crm_sync_cursors",
        *_scope(),
        sa.Column("vendor", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("complete_at", UtcDateTime, nullable=True),
        sa.Column("read_at", UtcDateTime, nullable=True),
        sa.Column("changed_at", UtcDateTime, nullable=True),
        sa.Column("applied", sa.Integer, nullable=False),
        sa.Column("ignored", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("last_refusal", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("failed_at", UtcDateTime, nullable=True),
        sa.Column("webhook_at", UtcDateTime, nullable=True),
    )
    op.create_table(
        "crm_webhook_receipts",
        *_scope(),
        sa.Column("vendor", sa.String(64), primary_key=True),
        sa.Column("webhook_id", sa.String(256), primary_key=True),
        sa.Column("received_at", UtcDateTime, nullable=False, index=True),
    )


def _create_what_they_say() -> None:
    op.create_table(
        "crm_vendor_contacts",
        *_scope(),
        sa.Column("vendor", sa.String(64), primary_key=True),
        sa.Column("vendor_contact_id", sa.String(128), primary_key=True),
        sa.Column(
            "contact_id", sa.String(64), sa.ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=True
        ),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("suppressed", sa.Boolean, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.String(96), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_crm_vendor_contacts_contact", "crm_vendor_contacts", ["tenant_id", "contact_id"])
    op.create_table(
        "crm_vendor_items",
        *_scope(),
        sa.Column("vendor", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), primary_key=True),
        sa.Column("item_id", sa.String(128), primary_key=True),
        sa.Column("vendor_contact_id", sa.String(128), nullable=False),
        sa.Column("record_id", sa.String(128), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("amount", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.String(96), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    of_contact = ["tenant_id", "vendor", "vendor_contact_id", "is_open"]
    op.create_index("ix_crm_vendor_items_contact", "crm_vendor_items", of_contact)
    op.create_index("ix_crm_vendor_items_record", "crm_vendor_items", ["tenant_id", "record_id"])
    op.create_table(
        "crm_consents",
        *_scope(),
        sa.Column("key_kind", sa.String(16), primary_key=True),
        sa.Column("key_value", sa.String(128), primary_key=True),
        sa.Column("channel", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    tables = ("crm_webhook_receipts", "crm_sync_cursors", "crm_consents", "crm_vendor_items", "crm_vendor_contacts")
    for table in tables:
        op.drop_table(table)
