"""Which deliveries of the queue are made next: those that are due, in order, within what each tenant may have."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.crm_gateway.adapters.allowances import take
from services.crm_gateway.adapters.tables import allowances
from services.crm_gateway.adapters.tables import deliveries as table
from services.crm_gateway.deliveries import Allowance, DeliveryState
from services.crm_gateway.model import Profile

Permits = Callable[[str], int | None]
"""Of a tenant, how many deliveries may be begun now; None: any number."""


class Claims:
    """Chooses among the deliveries of one business system, inside the transaction that takes them.

    Args:
        tenant_id: whose deliveries; empty: everybody's.
    """

    def __init__(self, vendor: str, allowance: Allowance, tenant_id: str = "") -> None:
        self._vendor = vendor
        self._tenant_id = tenant_id
        self._whose = [table.c.tenant_id == tenant_id] if tenant_id else []
        self._allowance = allowance

    async def look(
        self,
        engine: AsyncEngine,
        now: datetime,
        permits: Permits,
        profile: Profile,
        *,
        size: int = 1,
        wait: timedelta = timedelta(),
    ) -> set[str] | None:
        """Say, without holding a writer up, whether so many are due, or one was queued so long ago.

        Returns:
            The tenants to be left out: nothing of theirs may be begun now. None: there is nothing to be claimed.
        """
        async with engine.connect() as connection:
            blocked = await self._blocked(connection, permits)
            if self._tenant_id in blocked:
                return None
            which = (*self._is_due(now, profile), table.c.tenant_id.not_in(blocked))
            due = sa.select(table.c.created_at).where(*which).limit(size).subquery()
            statement = sa.select(sa.func.count(), sa.func.min(due.c.created_at))
            count, oldest = (await connection.execute(statement)).one()
        ripe = count >= size or (oldest is not None and oldest <= now - wait)
        return blocked if ripe else None

    async def _blocked(self, connection: AsyncConnection, permits: Permits) -> set[str]:
        """Return of whom nothing may be begun now, among those that anything was ever begun of."""
        tenant_ids: Sequence[str] = [self._tenant_id]
        if not self._tenant_id:
            statement = sa.select(allowances.c.tenant_id).where(allowances.c.vendor == self._vendor)
            tenant_ids = (await connection.execute(statement)).scalars().all()
        return {tenant_id for tenant_id in tenant_ids if permits(tenant_id) == 0}

    async def choose(
        self,
        connection: AsyncConnection,
        now: datetime,
        size: int,
        permits: Permits,
        profile: Profile,
        *,
        blocked: Collection[str],
    ) -> list[sa.Row[Any]]:
        """Read rows that are due and may be made, the oldest first. A tenant that must wait holds up no other.

        Args:
            blocked: tenants to be left out, as `look` says.
        """
        chosen: list[sa.Row[Any]] = []
        full = set(blocked)
        last = 0
        while len(chosen) < size:
            beyond = [table.c.sequence > last, table.c.tenant_id.not_in(full)]
            rows = await self._due(connection, size - len(chosen), [*self._is_due(now, profile), *beyond])
            before = len(full)
            by_tenant: dict[str, list[sa.Row[Any]]] = defaultdict(list)
            for row in rows:
                by_tenant[row.tenant_id].append(row)
            for tenant_id, wanted in sorted(by_tenant.items()):
                count = await self._take(connection, now, tenant_id, len(wanted), permits)
                chosen += wanted[:count]
                if count < len(wanted):
                    full.add(tenant_id)
            # Who is full now may stand before others in the queue; of one tenant there are no others.
            if len(full) == before or self._tenant_id in full:
                break
            last = rows[-1].sequence
        return chosen

    async def _due(
        self, connection: AsyncConnection, size: int, which: Sequence[sa.ColumnElement[bool]]
    ) -> Sequence[sa.Row[Any]]:
        statement = sa.select(table).where(*which).order_by(table.c.sequence).limit(size)
        return (await connection.execute(statement.with_for_update(skip_locked=True))).all()

    def _is_due(self, now: datetime, profile: Profile) -> list[sa.ColumnElement[bool]]:
        other = table.alias("other")
        waits = sa.exists().where(
            other.c.vendor == table.c.vendor,
            other.c.order_key == table.c.order_key,
            other.c.state == DeliveryState.WAITING,
            sa.or_(
                other.c.sequence < table.c.sequence,
                # What was released or replayed comes before one that is being made: it waits for that one all the same.
                sa.and_(other.c.sequence > table.c.sequence, other.c.leased_until >= now),
            ),
        )
        return [
            table.c.vendor == self._vendor,
            *self._whose,
            table.c.state == DeliveryState.WAITING,
            table.c.profile == profile,
            table.c.due_at <= now,
            sa.or_(table.c.leased_until.is_(None), table.c.leased_until < now),
            ~waits,
        ]

    async def _take(
        self, connection: AsyncConnection, now: datetime, tenant_id: str, wanted: int, permits: Permits
    ) -> int:
        permitted = permits(tenant_id)
        most = wanted if permitted is None else min(permitted, wanted)
        if not most:
            return 0
        return await take(
            connection, vendor=self._vendor, tenant_id=tenant_id, wanted=most, allowance=self._allowance, now=now
        )
