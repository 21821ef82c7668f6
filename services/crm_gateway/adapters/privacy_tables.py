"""The tables of erasures: what is to be forgotten, and how far each service is."""

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table

from mesh.database import UtcDateTime
from services.crm_gateway.adapters.tables import metadata, scope_columns

erasures = Table(
    "crm_erasures",
    metadata,
    Column("erasure_id", String(64), primary_key=True),
    *scope_columns(),
    Column("principal", String(128), nullable=False),
    Column("purpose", String(256), nullable=False),
    # Whom it concerns; NULL once all services are done.
    Column("subject", JSON(none_as_null=True), nullable=True),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime, nullable=True),
    Index("ix_crm_erasures_open", "tenant_id", "completed_at"),
)

erasure_progress = Table(
    "crm_erasure_progress",
    metadata,
    Column("erasure_id", String(64), ForeignKey("crm_erasures.erasure_id"), primary_key=True),
    Column("service", String(64), primary_key=True),
    *scope_columns(),
    Column("completed_at", UtcDateTime, nullable=False),
    Column("counts", JSON, nullable=False),
)
