"""What was said, kept apart; who saw it; what is to be erased; whose call it was."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0003"
down_revision = "0002"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]


def upgrade() -> None:
    """Make the tables; sessions that are there know no contact."""
    op.add_column("dialogue_sessions", sa.Column("contact_id", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_dialogue_sessions_contact", "dialogue_sessions", ["tenant_id", "contact_id"])
    op.create_index("ix_dialogue_sessions_phone", "dialogue_sessions", ["tenant_id", "phone"])
    op.create_index("ix_dialogue_sessions_customer", "dialogue_sessions", ["tenant_id", "customer_id"])
    op.create_table(
        "dialogue_contents",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("turn_id", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("uri", sa.String(600), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_dialogue_contents_created", "dialogue_contents", ["kind", "created_at"])
    op.create_table(
        "dialogue_accesses",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("access_id", sa.String(64), nullable=False, unique=True),
        *_scope(),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(256), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("uri", sa.String(600), nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(256), nullable=False),
    )
    op.create_index("ix_dialogue_accesses_tenant", "dialogue_accesses", ["tenant_id", "sequence"])
    op.create_table(
        "dialogue_erasures",
        sa.Column("erasure_id", sa.String(64), primary_key=True),
        *_scope(),
        sa.Column("subject", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime, nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
    )
    op.create_table(
        "dialogue_leases",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("dialogue_leases", "dialogue_erasures", "dialogue_accesses", "dialogue_contents"):
        op.drop_table(table)
    for column in ("customer", "phone", "contact"):
        op.drop_index(f"ix_dialogue_sessions_{column}", "dialogue_sessions")
    op.drop_column("dialogue_sessions", "contact_id")
