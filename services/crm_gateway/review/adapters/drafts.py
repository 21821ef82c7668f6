"""Drafts as they are made and moved, each within the caller's transaction: row, history and event together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.database import insert_once
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.adapters.tables import deliveries, records
from services.crm_gateway.corrections.model import LOCAL
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import Contact, ContactKey, NewRecord, RecordState
from services.crm_gateway.review.adapters.rows import (
    changed_columns,
    draft_of,
    evidence_columns,
    new_row,
    step_of,
    step_row,
)
from services.crm_gateway.review.events import event_of
from services.crm_gateway.review.evidence import CallEvidence
from services.crm_gateway.review.model import Change, Decision, Draft, DraftNotFoundError, Moved, Step, given_up, moved


class Drafts:
    """What puts writes into the review queue, and moves them."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def make(
        self,
        connection: AsyncConnection,
        record: NewRecord,
        contact: Contact | None,
        *,
        vendor: str,
        trace: Mapping[str, str],
    ) -> bool:
        """Have a record wait for a person; False when it waited before.

        Raises:
            ValueError: the record is no draft.
        """
        if record.state is not RecordState.DRAFT or record.escrow is None:
            raise ValueError("only what is doubtful waits for a person")
        now = datetime.now(UTC)
        draft = Draft(
            sequence=0,
            vendor=vendor,
            record=record,
            version=1,
            contact_id=contact.contact_id if contact else "",
            made_at=now,
            due_at=now + timedelta(seconds=record.escrow.within_s),
            changed_at=now,
            trace=trace,
        )
        if not await insert_once(connection, drafts, new_row(draft), unique=["tenant_id", "vendor", "event_id"]):
            return False
        found = await self._row(connection, record.scope.tenant_id, vendor, record.event_id)
        assert found is not None, "it was written just now"
        step = Step(1, None, RecordState.DRAFT, by=vendor, at=now)
        with telemetry.continuing(trace):
            await self._tell(connection, [(replace(draft, sequence=found.sequence), step)], contact)
        return True

    async def locked(self, connection: AsyncConnection, tenant_id: str, sequence: int) -> Draft:
        """Read a draft that nobody else moves until the transaction ends.

        Raises:
            DraftNotFoundError: the tenant has no such draft.
        """
        statement = sa.select(drafts).where(drafts.c.tenant_id == tenant_id, drafts.c.sequence == sequence)
        row = (await connection.execute(statement.with_for_update())).first()
        if row is None:
            raise DraftNotFoundError(sequence)
        return draft_of(row)

    async def is_elsewhere(self, connection: AsyncConnection, draft: Draft) -> bool:
        """Return whether another business system has, or will get, what the same event became."""
        tenant_id, event_id = draft.record.scope.tenant_id, draft.record.event_id
        queued = sa.select(deliveries.c.sequence).where(
            deliveries.c.tenant_id == tenant_id,
            deliveries.c.event_id == event_id,
            deliveries.c.vendor != draft.vendor,
            deliveries.c.state.in_((DeliveryState.WAITING, DeliveryState.WRITTEN, DeliveryState.DEAD)),
        )
        if (await connection.execute(queued.limit(1))).first() is not None:
            return True
        here = sa.select(records.c.sequence).where(
            records.c.tenant_id == tenant_id, records.c.event_id == event_id, records.c.state == RecordState.APPLIED
        )
        return draft.vendor != LOCAL and (await connection.execute(here)).first() is not None

    async def beside(self, connection: AsyncConnection, draft: Draft) -> list[Draft]:
        """Read what the same event became for other business systems, where somebody said yes to it; locked, too."""
        record = draft.record
        statement = sa.select(drafts).where(
            drafts.c.tenant_id == record.scope.tenant_id,
            drafts.c.event_id == record.event_id,
            drafts.c.sequence != draft.sequence,
            drafts.c.state.in_((RecordState.REVIEWED, RecordState.APPLIED)),
        )
        rows = await connection.execute(statement.order_by(drafts.c.sequence).with_for_update())
        return [draft_of(row) for row in rows.all()]

    async def move(self, connection: AsyncConnection, steps: Sequence[Moved]) -> None:
        """Write down how a draft that is locked moved, and say so."""
        last, _ = steps[-1]
        statement = drafts.update().where(drafts.c.sequence == last.sequence).values(**changed_columns(last))
        await connection.execute(statement)
        await self._tell(connection, steps, await self.contact_of(connection, last))

    async def written(self, connection: AsyncConnection, tenant_id: str, vendor: str, event_id: str) -> None:
        """Take note that the business system has what a person said yes to."""
        draft = await self._row(connection, tenant_id, vendor, event_id)
        if draft is None or draft.state is not RecordState.REVIEWED:
            return
        await self.move(connection, [moved(draft, RecordState.APPLIED, Decision(vendor, datetime.now(UTC)))])

    async def given_up(
        self, connection: AsyncConnection, tenant_id: str, vendor: str, event_id: str, decision: Decision
    ) -> None:
        """Take note that what a person said yes to is not written after all: its dead letter was dropped."""
        draft = await self._row(connection, tenant_id, vendor, event_id)
        if draft is not None and draft.state is RecordState.REVIEWED:
            await self.move(connection, [given_up(draft, decision)])

    async def attach(self, connection: AsyncConnection, calls: Sequence[CallEvidence]) -> None:
        """Let the drafts of calls that ended say where their words lie.

        A call's end comes behind what was asked for in it: its drafts are there by then.
        """
        by_session = {(call.tenant_id, call.session_id): call for call in calls}
        if not by_session:
            return
        statement = sa.select(drafts.c.sequence, drafts.c.tenant_id, drafts.c.session_id, drafts.c.turn_id).where(
            sa.tuple_(drafts.c.tenant_id, drafts.c.session_id).in_(list(by_session))
        )
        for row in (await connection.execute(statement)).all():
            found = by_session[row.tenant_id, row.session_id].of_turn(row.turn_id)
            here = drafts.update().where(drafts.c.sequence == row.sequence)
            await connection.execute(here.values(**evidence_columns(found)))

    async def contact_of(self, connection: AsyncConnection, draft: Draft) -> Contact | None:
        """Return whose draft it is; None: nobody the business knows."""
        if not draft.contact_id:
            return None
        key = ContactKey("contact_id", draft.contact_id)
        return await contact_rows.find(connection, draft.record.scope.tenant_id, key)

    async def _row(self, connection: AsyncConnection, tenant_id: str, vendor: str, event_id: str) -> Draft | None:
        statement = sa.select(drafts).where(
            drafts.c.tenant_id == tenant_id, drafts.c.vendor == vendor, drafts.c.event_id == event_id
        )
        row = (await connection.execute(statement.with_for_update())).first()
        return draft_of(row) if row is not None else None

    async def _tell(self, connection: AsyncConnection, steps: Sequence[Moved], contact: Contact | None) -> None:
        await connection.execute(draft_steps.insert(), [step_row(draft, step) for draft, step in steps])
        for draft, step in steps:
            if step.old_state is step.new_state:
                # Put right after it was applied: `RecordCorrected` tells of it.
                continue
            told = step
            if step.new_state is RecordState.APPLIED:
                told = replace(step, changes=await self._changes(connection, draft.sequence))
            await self._outbox.add(connection, event_of(draft, told, contact))

    async def _changes(self, connection: AsyncConnection, sequence: int) -> tuple[Change, ...]:
        """Return what was changed of a draft by who said yes to it."""
        statement = sa.select(draft_steps).where(
            draft_steps.c.draft == sequence, draft_steps.c.new_state == RecordState.REVIEWED
        )
        row = (await connection.execute(statement)).first()
        return step_of(row).changes if row is not None else ()
