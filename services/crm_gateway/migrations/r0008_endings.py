"""Which record of the local CRM ended which, so that a draft that is applied late finds its place."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is open already was open when it came, and what is ended stays ended."""
    op.add_column("crm_records", sa.Column("opened", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("crm_records", sa.Column("closes", sa.String(64), nullable=False, server_default=""))
    op.add_column("crm_records", sa.Column("closed_by", sa.String(64), nullable=True))
    op.execute("UPDATE crm_records SET opened = is_open")


def downgrade() -> None:
    """Drop them."""
    for column in ("closed_by", "closes", "opened"):
        op.drop_column("crm_records", column)
