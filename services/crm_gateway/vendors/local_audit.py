"""What the embedded business system holds, for those who compare."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.crm_gateway.adapters.tables import records as table
from services.crm_gateway.model import VendorRecord

_PAGE = 500


class LocalAudit:
    """An `AuditableVendor`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def holds(self, tenant_id: str, record_ids: Collection[str]) -> Mapping[str, Sequence[VendorRecord]]:
        """Read records by their ids: each is there once or not at all. Raises ``SQLAlchemyError``."""
        statement = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.record_id.in_(record_ids))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return {row.record_id: [_record(row)] for row in rows}

    async def written_since(self, tenant_id: str, since: datetime) -> AsyncIterator[VendorRecord]:
        """Read the records of events since then, in pages. Raises ``SQLAlchemyError``."""
        last = 0
        while True:
            statement = (
                sa.select(table)
                .where(table.c.tenant_id == tenant_id, table.c.occurred_at >= since, table.c.sequence > last)
                .order_by(table.c.sequence)
                .limit(_PAGE)
            )
            async with self._engine.connect() as connection:
                rows = (await connection.execute(statement)).all()
            for row in rows:
                yield _record(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1].sequence


def _record(row: sa.Row[Any]) -> VendorRecord:
    return VendorRecord(row.record_id, row.record_id, row.kind, row.state, row.title, row.fields)
