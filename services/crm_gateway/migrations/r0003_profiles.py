"""How urgent a delivery is; the queue is read in its order, not sorted each time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index; what waits already is written at once."""
    op.add_column("crm_deliveries", sa.Column("profile", sa.String(16), nullable=False, server_default="realtime"))
    op.drop_index("ix_crm_deliveries_due", "crm_deliveries")
    op.create_index("ix_crm_deliveries_next", "crm_deliveries", ["vendor", "state", "profile", "sequence"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_crm_deliveries_next", "crm_deliveries")
    op.create_index("ix_crm_deliveries_due", "crm_deliveries", ["vendor", "state", "due_at"])
    op.drop_column("crm_deliveries", "profile")
