"""What a decision does in a business system, within the transaction that writes the decision down."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.outbox import Outbox
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.model import Contact
from services.crm_gateway.review.model import Draft, WrongStateError, as_written
from services.crm_gateway.vendors.local import LocalCrm


class Effect(Protocol):
    """What a business system does with a decision."""

    async def accept(self, connection: AsyncConnection, draft: Draft, contact: Contact | None) -> bool:
        """Have it written; True: it is, False: it will be.

        Raises:
            WrongStateError: the business system has no such draft.
        """

    async def reject(self, connection: AsyncConnection, draft: Draft) -> None:
        """Have it forgotten. Raises as `accept` does."""


class LocalEffect:
    """The embedded business system's record changes at once."""

    def __init__(self, outbox: Outbox, rules: Rules) -> None:
        self._crm = LocalCrm()
        self._ledger = Ledger(outbox, rules)

    async def accept(self, connection: AsyncConnection, draft: Draft, contact: Contact | None) -> bool:
        """Make the draft a record and announce it."""
        record = as_written(draft.record)
        _check(draft, there=await self._crm.apply(record, connection))
        await self._ledger.announce(connection, record, contact, vendor=draft.vendor, record_id=record.record_id)
        return True

    async def reject(self, connection: AsyncConnection, draft: Draft) -> None:
        """Mark the record as turned down."""
        _check(draft, there=await self._crm.reject(draft.record, connection))


class QueuedEffect:
    """What is for another business system is delivered by the sync process."""

    def __init__(self, outbox: Outbox, vendor: str) -> None:
        self._queue = Deliveries(outbox, vendor)

    async def accept(self, connection: AsyncConnection, draft: Draft, contact: Contact | None) -> bool:  # noqa: ARG002
        """Release the delivery."""
        record = as_written(draft.record)
        tenant_id = record.scope.tenant_id
        _check(draft, there=await self._queue.release(connection, tenant_id, record.event_id, record))
        return False

    async def reject(self, connection: AsyncConnection, draft: Draft) -> None:
        """Turn the delivery down."""
        record = draft.record
        _check(draft, there=await self._queue.reject(connection, record.scope.tenant_id, record.event_id))


def effect_of(outbox: Outbox, vendor: str, rules: Rules) -> Effect:
    """Return what decisions do in a business system."""
    return LocalEffect(outbox, rules) if vendor == LocalCrm.name else QueuedEffect(outbox, vendor)


def _check(draft: Draft, *, there: bool) -> None:
    if not there:
        raise WrongStateError(
            draft.state, f"{draft.vendor} has no draft {draft.sequence} (any more); it may have been erased"
        )
