"""What is done with for so long that only its keys are kept: which rows that is true of, and how they are found."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and indexes."""
    for table, settled in (("crm_deliveries", "settled_at"), ("crm_drafts", "changed_at")):
        op.add_column(table, sa.Column("stripped", sa.Boolean, nullable=False, server_default=sa.false()))
        op.create_index(f"ix_{table}_kept", table, ["stripped", "state", settled])
    op.create_index("ix_crm_conflicts_kept", "crm_conflicts", ["state", "settled_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_crm_conflicts_kept", "crm_conflicts")
    for table in ("crm_deliveries", "crm_drafts"):
        op.drop_index(f"ix_{table}_kept", table)
        op.drop_column(table, "stripped")
