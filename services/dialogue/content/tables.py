"""The tables of content: what lies where, who saw it, what is to be erased."""

import sqlalchemy as sa

from mesh.database import UtcDateTime
from services.dialogue.adapters.store import METADATA


def _scope() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    ]


# One transcript a call; one recording for each turn of the caller, where they are kept.
CONTENTS = sa.Table(
    "dialogue_contents",
    METADATA,
    sa.Column("session_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("turn_id", sa.String(64), primary_key=True),
    *_scope(),
    sa.Column("uri", sa.String(600), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    # A redacted transcript that the store did not take yet.
    sa.Column("body", sa.LargeBinary, nullable=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_dialogue_contents_created", "kind", "created_at"),
)

# Only ever added to.
ACCESSES = sa.Table(
    "dialogue_accesses",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
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
    sa.Index("ix_dialogue_accesses_tenant", "tenant_id", "sequence"),
)

# What is to be erased, and what was. Whom it concerns is deleted once it is done.
ERASURES = sa.Table(
    "dialogue_erasures",
    METADATA,
    sa.Column("erasure_id", sa.String(64), primary_key=True),
    *_scope(),
    sa.Column("subject", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("completed_at", UtcDateTime, nullable=True),
    sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
)

# Who alone may do something, and until when.
LEASES = sa.Table(
    "dialogue_leases",
    METADATA,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("holder", sa.String(128), nullable=False),
    sa.Column("held_until", UtcDateTime, nullable=False),
)
