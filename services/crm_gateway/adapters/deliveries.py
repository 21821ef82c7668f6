"""Deliveries as rows: a queue that every worker of a business system shares, ordered per contact."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.database import upsert
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.claims import Claims, Permits
from services.crm_gateway.adapters.tables import deliveries as table
from services.crm_gateway.deliveries import (
    Allowance,
    CircuitChange,
    DeadLetter,
    Delivery,
    DeliveryState,
    GivenUp,
    Postponed,
    Result,
    Written,
)
from services.crm_gateway.events import record_written
from services.crm_gateway.model import Contact, NewRecord, Profile, RecordState
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.storable import ID_LIMIT, storable
from services.crm_gateway.write_back.events import circuit_changed, write_back_failed

_ERROR_LIMIT = 500
NONE = Allowance(per_s=0.0, burst=0.0)
_records = TypeAdapter(NewRecord)


class Deliveries:
    """The queue of one business system.

    Rows are bounded by the disk only: nothing that a call meant may be lost.

    Args:
        allowance: how much is claimed; by default nothing: such a queue is filled and decided on only.
        tenant_id: whose deliveries are claimed; empty: everybody's.
    """

    def __init__(self, outbox: Outbox, vendor: str, allowance: Allowance = NONE, *, tenant_id: str = "") -> None:
        self._outbox = outbox
        self._engine = outbox.engine
        self._vendor = vendor
        self._whose = [table.c.tenant_id == tenant_id] if tenant_id else []
        self._claims = Claims(vendor, allowance, tenant_id)

    async def add(
        self, connection: AsyncConnection, record: NewRecord, contact: Contact | None, trace: Mapping[str, str]
    ) -> bool:
        """Put a record into the queue; False when it was there before. A draft waits for `release`."""
        return bool(await self.add_many(connection, [(record, contact, trace)]))

    async def add_many(
        self, connection: AsyncConnection, entries: Sequence[tuple[NewRecord, Contact | None, Mapping[str, str]]]
    ) -> list[NewRecord]:
        """Put records into the queue, in their order; return those that were not there before.

        Each comes with its contact and with the trace of its call, as headers.
        """
        now = datetime.now(UTC)
        # One statement takes each key once.
        unique: dict[tuple[str, str], tuple[NewRecord, dict[str, Any]]] = {}
        for record, contact, trace in entries:
            key = (record.scope.tenant_id, record.event_id)
            if key not in unique:
                unique[key] = record, self._row(record, contact, trace, now)
        if not unique:
            return []
        statement = (
            upsert(table, connection)
            .on_conflict_do_nothing(index_elements=["tenant_id", "vendor", "event_id"])
            .returning(table.c.tenant_id, table.c.event_id)
        )
        added = await connection.execute(statement, [row for _, row in unique.values()])
        new = {(tenant_id, event_id) for tenant_id, event_id in added.all()}
        urgent = [
            row["order_key"]
            for key, (_, row) in unique.items()
            if key in new and (row["profile"], row["state"]) == (Profile.REALTIME, DeliveryState.WAITING)
        ]
        await self._hasten(connection, urgent)
        return [record for key, (record, _) in unique.items() if key in new]

    async def _hasten(self, connection: AsyncConnection, order_keys: Sequence[str]) -> None:
        """Write what can wait at once where it comes before what cannot: the order of a contact holds for both."""
        if order_keys:
            statement = table.update().where(
                table.c.vendor == self._vendor,
                table.c.state == DeliveryState.WAITING,
                table.c.profile == Profile.BATCH,
                table.c.order_key.in_(order_keys),
            )
            await connection.execute(statement.values(profile=Profile.REALTIME))

    def _row(
        self, record: NewRecord, contact: Contact | None, trace: Mapping[str, str], now: datetime
    ) -> dict[str, Any]:
        scope = record.scope
        # Who nothing is known of keeps the order of the call, or of nothing.
        key = contact.contact_id if contact else f"session:{scope.session_id or record.event_id}"
        return {
            "vendor": self._vendor,
            "tenant_id": scope.tenant_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "session_id": scope.session_id,
            "event_id": record.event_id,
            "record_id": record.record_id,
            "contact_id": contact.contact_id if contact else None,
            "order_key": f"{scope.tenant_id}/{key}",
            "kind": record.kind,
            "profile": record.profile,
            "record": _records.dump_python(record, mode="json"),
            "state": DeliveryState.DRAFT if record.state is RecordState.DRAFT else DeliveryState.WAITING,
            "attempts": 0,
            "due_at": now,
            "worker": "",
            "vendor_record_id": "",
            "last_error": "",
            "trace": dict(trace),
            "created_at": now,
        }

    async def release(self, connection: AsyncConnection, tenant_id: str, event_id: str, record: NewRecord) -> bool:
        """Have a draft made, with the values of `record`; False when it is no draft (any more).

        It keeps its place in the order of its contact. Call `Outbox.wake` or wait for a worker's next look.

        Raises:
            ValueError: the record is another event's, or a draft itself.
        """
        if record.event_id != event_id or record.state is RecordState.DRAFT:
            raise ValueError("a draft is released with its own event's record, which is a draft no more")
        values = {
            "state": DeliveryState.WAITING,
            "record": _records.dump_python(record, mode="json"),
            "kind": record.kind,
            "due_at": datetime.now(UTC),
        }
        order_key = await self._decide(connection, tenant_id, event_id, values)
        if order_key is not None and record.profile is Profile.REALTIME:
            await self._hasten(connection, [order_key])
        return order_key is not None

    async def reject(self, connection: AsyncConnection, tenant_id: str, event_id: str) -> bool:
        """Turn a draft down for good; False when it is no draft (any more)."""
        values = {"state": DeliveryState.REJECTED, "settled_at": datetime.now(UTC)}
        return await self._decide(connection, tenant_id, event_id, values) is not None

    async def _decide(
        self, connection: AsyncConnection, tenant_id: str, event_id: str, values: dict[str, object]
    ) -> str | None:
        """Change a draft; return what its order goes by, None when it is no draft."""
        statement = (
            table.update()
            .where(
                table.c.tenant_id == tenant_id,
                table.c.vendor == self._vendor,
                table.c.event_id == event_id,
                table.c.state == DeliveryState.DRAFT,
            )
            .values(**values)
            .returning(table.c.order_key)
        )
        order_key: str | None = (await connection.execute(statement)).scalar_one_or_none()
        return order_key

    async def claim(self, worker: str, size: int, lease: timedelta, permits: Permits) -> list[Delivery]:
        """Take at most `size` deliveries that are due and cannot wait; nobody else gets them before the lease ends."""
        # Most of the time there is nothing to do: no reason to hold the database's only writer up.
        blocked = await self._claims.look(self._engine, datetime.now(UTC), permits, Profile.REALTIME)
        if blocked is None:
            return []
        async with self._outbox.transaction() as connection:
            now = datetime.now(UTC)
            rows = await self._claims.choose(connection, now, size, permits, Profile.REALTIME, blocked=blocked)
            return await self._hand_out(connection, rows, worker, now, lease)

    async def claim_batch(
        self, worker: str, size: int, lease: timedelta, permits: Permits, *, wait: timedelta
    ) -> list[Delivery]:
        """Take at most `size` deliveries that can wait: once there are so many, or one has waited for `wait`."""
        now = datetime.now(UTC)
        blocked = await self._claims.look(self._engine, now, permits, Profile.BATCH, size=size, wait=wait)
        if blocked is None:
            return []
        async with self._outbox.transaction() as connection:
            now = datetime.now(UTC)
            rows = await self._claims.choose(connection, now, size, permits, Profile.BATCH, blocked=blocked)
            return await self._hand_out(connection, rows, worker, now, lease)

    async def oldest(self) -> datetime | None:
        """Return when the oldest that waits was queued; None: none does. Raises ``SQLAlchemyError``."""
        found: list[datetime] = []
        async with self._engine.connect() as connection:
            # For each profile by itself: each is the beginning of an index.
            for profile in Profile:
                mine = (table.c.vendor == self._vendor, *self._whose, table.c.state == DeliveryState.WAITING)
                statement = sa.select(table.c.created_at).where(*mine, table.c.profile == profile)
                first = (await connection.execute(statement.order_by(table.c.sequence).limit(1))).scalar()
                found += [first] if first is not None else []
        return min(found, default=None)

    async def _hand_out(
        self, connection: AsyncConnection, rows: Sequence[sa.Row[Any]], worker: str, now: datetime, lease: timedelta
    ) -> list[Delivery]:
        if not rows:
            return []
        statement = (
            table.update()
            .where(table.c.sequence.in_([row.sequence for row in rows]))
            .values(
                attempts=table.c.attempts + 1,
                begun_at=sa.func.coalesce(table.c.begun_at, sa.bindparam("now", now, type_=table.c.begun_at.type)),
                leased_until=now + lease,
                worker=worker,
            )
        )
        await connection.execute(statement)
        tenants, whose = {row.tenant_id for row in rows}, {row.contact_id for row in rows if row.contact_id}
        contacts = await contact_rows.find_many(connection, tenants, whose)
        return [_delivery(row, contacts.get(row.contact_id)) for row in rows]

    async def settle(self, worker: str, results: Sequence[Result], changes: Sequence[CircuitChange] = ()) -> None:
        """Write down what became of attempts and of circuits, in one transaction, and announce it.

        An attempt whose lease ended and whose delivery another worker took over changes nothing any more, and is not
        announced. Texts of the business system are kept as far as the database can hold them.
        """
        now = datetime.now(UTC)
        # In the order in which whoever erases a contact takes its rows: neither then waits for the other.
        results = sorted(map(_storable, results), key=lambda result: result.delivery.sequence)
        rows = [_settled(result, now) | {"by": worker} for result in results]
        statement = (
            table.update()
            .where(
                table.c.sequence == sa.bindparam("which"),
                table.c.attempts == sa.bindparam("attempt"),
                table.c.worker == sa.bindparam("by"),
                table.c.state == DeliveryState.WAITING,
            )
            .values(
                state=sa.bindparam("new_state"),
                attempts=sa.bindparam("new_attempts"),
                vendor_record_id=sa.bindparam("new_record_id"),
                last_error=sa.bindparam("new_error"),
                due_at=sa.bindparam("new_due"),
                settled_at=sa.bindparam("new_settled"),
                begun_at=sa.case((sa.bindparam("untouched", type_=sa.Boolean), None), else_=table.c.begun_at),
                leased_until=None,
            )
        )
        async with self._outbox.transaction() as connection:
            if rows:
                await connection.execute(statement, rows)
            settled = await self._settled_now(connection, worker, results, now)
            events = [(self._event(result), result.trace) for result in settled if isinstance(result, Written)]
            events += [(circuit_changed(self._vendor, change), {}) for change in changes]
            events += [
                (write_back_failed(self._vendor, result), result.delivery.trace)
                for result in settled
                if isinstance(result, GivenUp)
            ]
            await self._outbox.add_many(connection, events)
            for result in settled:
                if isinstance(result, Written) and result.delivery.record.reviewed:
                    await self._note_applied(connection, result)

    async def _note_applied(self, connection: AsyncConnection, result: Written) -> None:
        """What a person said yes to is applied now."""
        record = result.delivery.record
        with telemetry.continuing(result.trace):
            await Drafts(self._outbox).written(connection, record.scope.tenant_id, self._vendor, record.event_id)

    async def _settled_now(
        self, connection: AsyncConnection, worker: str, results: Sequence[Result], now: datetime
    ) -> list[Written | GivenUp]:
        """Return those that are over by what was written down just now: only these are news."""
        over = [result for result in results if not isinstance(result, Postponed)]
        if not over:
            return []
        statement = sa.select(table.c.sequence, table.c.state).where(
            table.c.sequence.in_([result.delivery.sequence for result in over]),
            table.c.worker == worker,
            table.c.settled_at == now,
        )
        settled = {(row.sequence, row.state) for row in (await connection.execute(statement)).all()}
        return [result for result in over if (result.delivery.sequence, _state_of(result)) in settled]

    def _event(self, result: Written) -> Message:
        record = result.delivery.record
        return record_written(
            record.scope,
            result.delivery.contact,
            vendor=self._vendor,
            kind=record.kind,
            record_id=result.record_id,
            source_event_id=record.event_id,
            event_id=f"record.{self._vendor}.{record.record_id}",
            record=record,
        )


def _delivery(row: sa.Row[Any], contact: Contact | None) -> Delivery:
    return Delivery(
        sequence=row.sequence,
        record=_records.validate_python(row.record),
        contact=contact,
        attempt=row.attempts + 1,
        begun_before=row.begun_at is not None,
        trace=row.trace,
    )


def _storable(result: Result) -> Result:
    """What a business system said, as it can be kept: one bad answer must not hold up all that is settled with it."""
    if isinstance(result, Written):
        return replace(result, record_id=storable(result.record_id, ID_LIMIT))
    return replace(result, error=storable(result.error, _ERROR_LIMIT))


def _state_of(result: Written | GivenUp) -> DeliveryState:
    return DeliveryState.WRITTEN if isinstance(result, Written) else DeliveryState.DEAD


def _settled(result: Result, now: datetime) -> dict[str, Any]:
    delivery = result.delivery
    row = {
        "which": delivery.sequence,
        "attempt": delivery.attempt,
        "new_attempts": delivery.attempt,
        "new_state": DeliveryState.WAITING,
        "new_record_id": "",
        "new_error": "",
        "new_due": now,
        "new_settled": now,
        "untouched": False,
    }
    match result:
        case Written(record_id=record_id):
            row |= {"new_state": _state_of(result), "new_record_id": record_id}
        case Postponed(error=error, due_at=due_at, counts=counts, made=made):
            attempts = delivery.attempt if counts and made else delivery.attempt - 1
            row["untouched"] = not made and not delivery.begun_before
            row |= {"new_error": error, "new_due": due_at, "new_attempts": attempts, "new_settled": None}
        case GivenUp(error=error):
            row |= {"new_state": _state_of(result), "new_error": error}
    return row


def dead_letter(row: sa.Row[Any]) -> DeadLetter:
    """Return a row as a person sees it."""
    return DeadLetter(
        sequence=row.sequence,
        vendor=row.vendor,
        record=_records.validate_python(row.record),
        attempts=row.attempts,
        reason=row.last_error,
        at=row.settled_at,
    )
