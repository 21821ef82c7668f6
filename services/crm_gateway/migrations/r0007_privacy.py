"""Erasures, and how far each service is with them."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "crm_erasures",
        sa.Column("erasure_id", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(256), nullable=False),
        sa.Column("subject", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime, nullable=True),
    )
    op.create_index("ix_crm_erasures_open", "crm_erasures", ["tenant_id", "completed_at"])
    op.create_table(
        "crm_erasure_progress",
        sa.Column("erasure_id", sa.String(64), sa.ForeignKey("crm_erasures.erasure_id"), primary_key=True),
        sa.Column("service", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("completed_at", UtcDateTime, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("crm_erasure_progress", "crm_erasures"):
        op.drop_table(table)


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]
