"""What a call came to, and what each turn of the caller adds to it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COLUMNS = {
    "dialogue_sessions": (("appointment", sa.JSON), ("outcome", sa.JSON)),
    "dialogue_turns": (("sentiment", sa.Float), ("entities", sa.JSON), ("commitments", sa.JSON)),
}


def upgrade() -> None:
    """Add the columns; rows that are there leave them empty."""
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind()))


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in _COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
