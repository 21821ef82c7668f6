"""What waits to be written to other business systems, and how much each takes."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "crm_deliveries",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("vendor", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("contact_id", sa.String(64), nullable=True),
        sa.Column("order_key", sa.String(192), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("begun_at", UtcDateTime, nullable=True),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("leased_until", UtcDateTime, nullable=True),
        sa.Column("worker", sa.String(64), nullable=False),
        sa.Column("vendor_record_id", sa.String(128), nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime, nullable=True),
        sa.UniqueConstraint("tenant_id", "vendor", "event_id", name="uq_crm_deliveries_event"),
    )
    op.create_index("ix_crm_deliveries_due", "crm_deliveries", ["vendor", "state", "due_at"])
    op.create_index("ix_crm_deliveries_order", "crm_deliveries", ["vendor", "order_key", "state", "sequence"])
    op.create_table(
        "crm_allowances",
        sa.Column("vendor", sa.String(64), primary_key=True),
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("tokens", sa.Float, nullable=False),
        sa.Column("counted_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "crm_leases",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("crm_leases", "crm_allowances", "crm_deliveries"):
        op.drop_table(table)
