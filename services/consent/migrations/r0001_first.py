"""Records, suppressions and their removals, and the outbox."""

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
    _create_records()
    _create_suppressions()
    op.create_table(
        "consent_suppression_removals",
        sa.Column("suppression_id", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("reason", sa.String(256), nullable=False),
        sa.Column("removed_at", UtcDateTime, nullable=False),
    )
    op.create_table("consent_outbox", *outbox_columns())


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "consent_outbox",
        "consent_suppression_removals",
        "consent_suppressions",
        "consent_records",
    ):
        op.drop_table(table)


def _create_records() -> None:
    op.create_table(
        "consent_records",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("record_id", sa.String(64), nullable=False, unique=True),
        *_scope(),
        *_subject(),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("evidence_source", sa.String(64), nullable=False),
        sa.Column("evidence_wording", sa.Text, nullable=False),
        sa.Column("evidence_reference", sa.String(1000), nullable=False),
        sa.Column("evidence_captured_at", UtcDateTime, nullable=True),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=True),
        sa.Column("idempotency_key", sa.String(128), nullable=False),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_consent_records_idempotency"),
    )
    op.create_index("ix_consent_records_phone", "consent_records", ["tenant_id", "phone", "sequence"])
    op.create_index("ix_consent_records_customer", "consent_records", ["tenant_id", "customer_id", "sequence"])


def _create_suppressions() -> None:
    op.create_table(
        "consent_suppressions",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("suppression_id", sa.String(64), nullable=False, unique=True),
        *_scope(),
        *_subject(),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(256), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=True),
        sa.Column("idempotency_key", sa.String(128), nullable=False),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_consent_suppressions_idempotency"),
    )
    op.create_index("ix_consent_suppressions_phone", "consent_suppressions", ["tenant_id", "phone"])
    op.create_index("ix_consent_suppressions_customer", "consent_suppressions", ["tenant_id", "customer_id"])


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
    ]


def _subject() -> list[sa.Column[str]]:
    return [
        sa.Column("phone", sa.String(16), nullable=False),
        sa.Column("customer_id", sa.String(128), nullable=False),
    ]
