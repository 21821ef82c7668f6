"""Drafts that wait for a person, and what happened to them."""

import sqlalchemy as sa
from alembic import op

from mesh.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "crm_drafts",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        *_scope(),
        sa.Column("vendor", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("turn_id", sa.String(64), nullable=False),
        sa.Column("contact_id", sa.String(64), nullable=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("audio_offset_s", sa.Float, nullable=True),
        sa.Column("transcript_reference", sa.Text, nullable=False),
        sa.Column("transcript", sa.JSON, nullable=False),
        sa.Column("audio", sa.JSON, nullable=False),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("reviewed_by", sa.String(128), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("decided_at", UtcDateTime, nullable=True),
        sa.UniqueConstraint("tenant_id", "vendor", "event_id", name="uq_crm_drafts_event"),
    )
    op.create_index("ix_crm_drafts_state", "crm_drafts", ["tenant_id", "state", "sequence"])
    op.create_index("ix_crm_drafts_session", "crm_drafts", ["tenant_id", "session_id"])
    op.create_index("ix_crm_drafts_contact", "crm_drafts", ["tenant_id", "contact_id"])
    op.create_index("ix_crm_drafts_waiting", "crm_drafts", ["state", "vendor", "kind", "made_at"])
    op.create_table(
        "crm_draft_steps",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("draft", _SEQUENCE, sa.ForeignKey("crm_drafts.sequence"), nullable=False),
        *_scope(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("old_state", sa.String(16), nullable=False),
        sa.Column("new_state", sa.String(16), nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("changes", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("draft", "version", name="uq_crm_draft_steps_version"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("crm_draft_steps", "crm_drafts"):
        op.drop_table(table)


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]
