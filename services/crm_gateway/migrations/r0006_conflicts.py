"""What is said of contacts, where those who say it disagree, and what persons corrected."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "crm_statements",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        *_scope(),
        _contact(),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("statement_id", sa.String(128), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("confidence", sa.Float, nullable=True),
        sa.Column("taken_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_crm_statements_contact", "crm_statements", ["contact_id", "field"])
    op.create_table(
        "crm_conflicts",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("conflict_id", sa.String(64), nullable=False, unique=True),
        *_scope(),
        _contact(),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("kept", sa.JSON, nullable=True),
        sa.Column("overruled", sa.JSON, nullable=False),
        sa.Column("rules_version", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("detected_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime, nullable=True),
        sa.Column("resolved_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_crm_conflicts_contact", "crm_conflicts", ["tenant_id", "contact_id", "field", "state"])
    op.create_index("ix_crm_conflicts_state", "crm_conflicts", ["tenant_id", "state", "sequence"])
    op.create_table(
        "crm_corrections",
        sa.Column("tenant_id", sa.String(64), primary_key=True),
        sa.Column("correction_id", sa.String(128), primary_key=True),
        *_scope()[1:],
        sa.Column("contact_id", sa.String(64), nullable=True),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("vendors", sa.JSON, nullable=False),
        sa.Column("corrected_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("corrected_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_crm_corrections_contact", "crm_corrections", ["tenant_id", "contact_id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("crm_corrections", "crm_conflicts", "crm_statements"):
        op.drop_table(table)


def _contact() -> sa.Column[str]:
    key = sa.ForeignKey("crm_contacts.contact_id", ondelete="CASCADE")
    return sa.Column("contact_id", sa.String(64), key, nullable=False)


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]
