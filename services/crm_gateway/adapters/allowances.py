"""Token buckets as rows, so that all workers of a business system share them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import upsert
from services.crm_gateway.adapters.tables import allowances as table
from services.crm_gateway.deliveries import Allowance


async def take(
    connection: AsyncConnection, *, vendor: str, tenant_id: str, wanted: int, allowance: Allowance, now: datetime
) -> int:
    """Take at most so many tokens in the caller's transaction; return how many there were."""
    new = upsert(table, connection).values(vendor=vendor, tenant_id=tenant_id, tokens=allowance.burst, counted_at=now)
    await connection.execute(new.on_conflict_do_nothing(index_elements=["vendor", "tenant_id"]))
    here = sa.and_(table.c.vendor == vendor, table.c.tenant_id == tenant_id)
    row = (await connection.execute(sa.select(table).where(here).with_for_update())).one()
    # Another machine's clock may be ahead: no tokens are lost for it.
    passed = max(0.0, (now - row.counted_at).total_seconds())
    tokens = min(allowance.burst, row.tokens + passed * allowance.per_s)
    taken = min(wanted, int(tokens))
    counted_at = max(now, row.counted_at)
    await connection.execute(table.update().where(here).values(tokens=tokens - taken, counted_at=counted_at))
    return taken
