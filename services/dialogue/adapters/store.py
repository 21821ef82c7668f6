"""The dialogue's tables: sessions, turns and the outbox. Every row says tenant, region, correlation and language."""

import sqlalchemy as sa

from mesh.database import UtcDateTime
from mesh.outbox import outbox_table

METADATA = sa.MetaData()

SESSIONS = sa.Table(
    "dialogue_sessions",
    METADATA,
    sa.Column("session_id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("region", sa.String(32), nullable=False),
    sa.Column("correlation_id", sa.String(64), nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("domain", sa.String(64), nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("customer_id", sa.String(128), nullable=False),
    sa.Column("phone", sa.String(16), nullable=False),
    # Whom the records know the caller as; empty: not known.
    sa.Column("contact_id", sa.String(64), nullable=False, server_default=""),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("instance", sa.String(128), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("renewed_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("state", sa.Text),
    sa.Column("disposition", sa.String(64)),
    sa.Column("summary", sa.Text),
    sa.Column("appointment", sa.JSON(none_as_null=True)),
    sa.Column("outcome", sa.JSON(none_as_null=True)),
    sa.Column("trace", sa.String(128), nullable=False),
    # Since when nothing of the call may be filed any more: it was erased, or its content was deleted.
    sa.Column("content_gone_at", UtcDateTime),
)

TURNS = sa.Table(
    "dialogue_turns",
    METADATA,
    sa.Column("session_id", sa.String(64), primary_key=True),
    sa.Column("turn_id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("region", sa.String(32), nullable=False),
    sa.Column("correlation_id", sa.String(64), nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("speaker", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("intent", sa.String(64), nullable=False),
    sa.Column("start_s", sa.Float, nullable=False),
    sa.Column("end_s", sa.Float, nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("sentiment", sa.Float),
    sa.Column("entities", sa.JSON(none_as_null=True)),
    sa.Column("commitments", sa.JSON(none_as_null=True)),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
)

OUTBOX = outbox_table(METADATA, "dialogue_outbox")
