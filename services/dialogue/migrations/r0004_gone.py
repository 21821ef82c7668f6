"""Of which calls the content was erased."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; of sessions that are there it is not known."""
    op.add_column("dialogue_sessions", sa.Column("content_gone_at", UtcDateTime))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("dialogue_sessions", "content_gone_at")
