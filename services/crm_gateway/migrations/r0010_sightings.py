"""When business systems were seen to say a value."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table; what was kept of statements stands for what was seen before."""
    op.create_table(
        "crm_sightings",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column(
            "contact_id", sa.String(64), sa.ForeignKey("crm_contacts.contact_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("statement_id", sa.String(128), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_crm_sightings_contact", "crm_sightings", ["contact_id", "source", "field"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("crm_sightings")
