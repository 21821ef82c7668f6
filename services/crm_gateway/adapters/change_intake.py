"""Changes taken in: a page with its cursor, or a webhook with its id, each in one transaction."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import logs
from mesh.bus import new_event_id
from mesh.database import insert_once
from services.crm_gateway import metrics
from services.crm_gateway.adapters.cursors import Cursor
from services.crm_gateway.adapters.refusals import is_refusal
from services.crm_gateway.adapters.sync_tables import receipts
from services.crm_gateway.adapters.vendor_changes import VendorChanges
from services.crm_gateway.model import Scope
from services.crm_gateway.sync_in.model import Page, Position, Taken, VendorChange, kind_of

_log = logs.get_logger(__name__)
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
        """Take in a page and go on behind it; a change that the database refuses is counted, and holds nothing up.

        Raises:
            LostCursorError: somebody else has read on; nothing was taken in.
            SQLAlchemyError: the database failed; nothing was taken in.
        """
        try:
            return await self._take_page(before, page, one_by_one=False)
        except (SQLAlchemyError, ValueError) as error:
            if not is_refusal(error):
                raise
        return await self._take_page(before, page, one_by_one=True)

    async def _take_page(self, before: Position, page: Page, *, one_by_one: bool) -> Taken:
        scope = self._new_scope()
        async with self._changes.outbox.transaction() as connection:
            result = await self._take(connection, scope, page.changes, first=not before.complete, one_by_one=one_by_one)
            kept = replace(page, changes=result.changes, refused=(*page.refused, *result.refused))
            await self._cursor.advance(connection, before, kept, result.taken)
        self._count(result.told, "page")
        metrics.CHANGES.labels(self.vendor, "unknown", "refused").inc(len(kept.refused))
        return result.taken

    async def take_webhook(self, webhook_id: str, changes: Sequence[VendorChange]) -> bool:
        """Take in what a webhook says; False: it was taken in before. Raises ``SQLAlchemyError``.

        A change that the database refuses is counted: to be sent it again would help nobody.
        """
        try:
            return await self._take_webhook(webhook_id, changes, one_by_one=False)
        except (SQLAlchemyError, ValueError) as error:
            if not is_refusal(error):
                raise
        return await self._take_webhook(webhook_id, changes, one_by_one=True)

    async def _take_webhook(self, webhook_id: str, changes: Sequence[VendorChange], *, one_by_one: bool) -> bool:
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
            result = await self._take(connection, scope, changes, first=False, one_by_one=one_by_one)
            moments = [change.changed_at for change in result.changes]
            await self._cursor.note_webhook(connection, moments, result.taken, result.refused)
            mine = (receipts.c.tenant_id == scope.tenant_id, receipts.c.vendor == self.vendor)
            await connection.execute(sa.delete(receipts).where(*mine, receipts.c.received_at < now - _KEPT))
        self._count(result.told, "webhook")
        metrics.CHANGES.labels(self.vendor, "unknown", "refused").inc(len(result.refused))
        return True

    def _new_scope(self) -> Scope:
        scope = self._scope
        return Scope(scope.tenant_id, scope.region, new_event_id(), scope.language)

    async def _take(
        self,
        connection: AsyncConnection,
        scope: Scope,
        changes: Sequence[VendorChange],
        *,
        first: bool,
        one_by_one: bool,
    ) -> "_Result":
        """Take changes in; where `one_by_one`, all but those that the database refuses."""
        result = _Result()
        await self._changes.hold(connection, scope, changes)
        for change in changes:
            try:
                async with connection.begin_nested() if one_by_one else contextlib.nullcontext():
                    news = await self._changes.take(connection, scope, change, first=first)
            except (SQLAlchemyError, ValueError) as error:
                if not (one_by_one and is_refusal(error)):
                    raise
                reason = f"a {kind_of(change)} that cannot be kept: {type(error).__name__}"
                _log.warning("crm_sync.change_refused", vendor=self.vendor, reason=reason)
                result.refused.append(reason)
            else:
                result.told.append((change, news))
        return result

    def _count(self, told: Sequence[tuple[VendorChange, bool]], way: str) -> None:
        now = datetime.now(UTC)
        for change, news in told:
            metrics.CHANGES.labels(self.vendor, kind_of(change), "applied" if news else "ignored").inc()
            if news:
                late_s = max(0.0, (now - change.changed_at).total_seconds())
                metrics.CHANGE_LAG.labels(self.vendor, way).observe(late_s)


@dataclass(slots=True)
class _Result:
    """What became of changes: whether each is news, and of those that the database refuses why."""

    told: list[tuple[VendorChange, bool]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def changes(self) -> tuple[VendorChange, ...]:
        return tuple(change for change, _ in self.told)

    @property
    def taken(self) -> Taken:
        applied = sum(news for _, news in self.told)
        return Taken(applied, len(self.told) - applied)
