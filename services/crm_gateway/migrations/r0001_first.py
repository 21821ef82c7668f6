"""Contacts, the local CRM's records, and the outbox."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime
from mesh.outbox import outbox_columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create everything."""
    _create_contacts()
    _create_contact_values("phone", 20)
    _create_contact_values("email", 320)
    _create_records()
    op.create_table("crm_outbox", *outbox_columns())


def downgrade() -> None:
    """Drop everything."""
    for table in ("crm_outbox", "crm_records", "crm_contact_emails", "crm_contact_phones", "crm_contacts"):
        op.drop_table(table)


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]


def _create_contacts() -> None:
    op.create_table(
        "crm_contacts",
        sa.Column("contact_id", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("customer_id", sa.String(128), nullable=True),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("tenant_id", "customer_id", name="uq_crm_contacts_customer"),
    )


def _create_contact_values(name: str, size: int) -> None:
    table = f"crm_contact_{name}s"
    contact = sa.ForeignKey("crm_contacts.contact_id", ondelete="CASCADE")
    op.create_table(
        table,
        sa.Column("contact_id", sa.String(64), contact, primary_key=True),
        sa.Column(name, sa.String(size), primary_key=True),
        *_scope(),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_index(f"ix_{table}_{name}", table, ["tenant_id", name])


def _create_records() -> None:
    op.create_table(
        "crm_records",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("record_id", sa.String(64), nullable=False, unique=True),
        *_scope(),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("turn_id", sa.String(64), nullable=False),
        sa.Column("contact_id", sa.String(64), sa.ForeignKey("crm_contacts.contact_id"), nullable=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("confidence", sa.Float, nullable=True),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("tenant_id", "event_id", name="uq_crm_records_event"),
    )
    for name, column in (("session", "session_id"), ("contact", "contact_id"), ("kind", "kind")):
        op.create_index(f"ix_crm_records_{name}", "crm_records", ["tenant_id", column, "sequence"])
