"""Changes taken in: a page with its cursor, or a webhook with its id, each in one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.bus import new_event_id
from mesh.database import insert_once
from services.crm_gateway import metrics
from services.crm_gateway.adapters.cursors import Cursor
from services.crm_gateway.adapters.sync_tables import receipts
from services.crm_gateway.adapters.vendor_changes import VendorChanges
from services.crm_gateway.model import Scope
from services.crm_gateway.sync_in.model import Page, Position, Taken, VendorChange, kind_of

_KEPT = timedelta(days=3)
"""How long a webhook's id is remembered: longer than senders try, and than a signature counts."""


class ChangeIntake:
    """Takes in what one business system says of one tenant's contacts.

    Args:
        scope: on whose behalf; each page and webhook gets a correlation id of its own.
    """

    def __init__(self, changes: VendorChanges, cursor: Cursor, scope: Scope) -> None:
        self._changes = changes
        self._cursor = cursor
        self._scope = scope
        self.vendor = changes.vendor

    async def take_page(self, before: Position, page: Page) -> Taken:
        """Take in a page and go on behind it.

        Raises:
            LostCursorError: somebody else has read on; nothing was taken in.
            SQLAlchemyError: the database failed; nothing was taken in.
        """
        scope = self._new_scope()
        async with self._changes.outbox.transaction() as connection:
            taken, told = await self._take(connection, scope, page.changes, first=not before.complete)
            await self._cursor.advance(connection, before, page, taken)
        self._count(told, "page")
        metrics.CHANGES.labels(self.vendor, "unknown", "refused").inc(len(page.refused))
        return taken

    async def take_webhook(self, webhook_id: str, changes: Sequence[VendorChange]) -> bool:
        """Take in what a webhook says; False: it was taken in before. Raises ``SQLAlchemyError``."""
        scope = self._new_scope()
        now = datetime.now(UTC)
        receipt = {
            "tenant_id": scope.tenant_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "vendor": self.vendor,
            "webhook_id": webhook_id,
            "received_at": now,
        }
        async with self._changes.outbox.transaction() as connection:
            if not await insert_once(connection, receipts, receipt, unique=["tenant_id", "vendor", "webhook_id"]):
                return False
            taken, told = await self._take(connection, scope, changes, first=False)
            await self._cursor.note_webhook(connection, [change.changed_at for change in changes], taken)
            mine = (receipts.c.tenant_id == scope.tenant_id, receipts.c.vendor == self.vendor)
            await connection.execute(sa.delete(receipts).where(*mine, receipts.c.received_at < now - _KEPT))
        self._count(told, "webhook")
        return True

    def _new_scope(self) -> Scope:
        scope = self._scope
        return Scope(scope.tenant_id, scope.region, new_event_id(), scope.language)

    async def _take(
        self, connection: AsyncConnection, scope: Scope, changes: Sequence[VendorChange], *, first: bool
    ) -> tuple[Taken, list[tuple[VendorChange, bool]]]:
        taken = Taken()
        told: list[tuple[VendorChange, bool]] = []
        await self._changes.hold(connection, scope, changes)
        for change in changes:
            news = await self._changes.take(connection, scope, change, first=first)
            taken.applied += news
            taken.ignored += not news
            told.append((change, news))
        return taken, told

    def _count(self, told: Sequence[tuple[VendorChange, bool]], way: str) -> None:
        now = datetime.now(UTC)
        for change, news in told:
            metrics.CHANGES.labels(self.vendor, kind_of(change), "applied" if news else "ignored").inc()
            if news:
                late_s = max(0.0, (now - change.changed_at).total_seconds())
                metrics.CHANGE_LAG.labels(self.vendor, way).observe(late_s)
