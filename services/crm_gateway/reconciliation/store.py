"""The queue as what should be in a business system; what is missing or wrong there is queued again."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.bus import new_event_id
from mesh.database import transaction
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.tables import deliveries as table
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import NewRecord, Profile, RecordState
from services.crm_gateway.reconciliation.model import Expected

_PAGE = 500
_records = TypeAdapter(NewRecord)
_corrects = table.c.record["corrects"].as_string()


class Rows:
    """The deliveries of one business system and tenant."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox, vendor: str, tenant_id: str) -> None:
        self._engine = engine
        self._vendor = vendor
        self._tenant_id = tenant_id
        # Nothing is made here, only queued.
        self._queue = Deliveries(outbox, vendor)

    async def expected(self, since: datetime) -> AsyncIterator[list[Expected]]:
        """Read in pages what was queued since a moment, as corrections have made it. Raises ``SQLAlchemyError``."""
        corrections = await self._corrections()
        last = 0
        while True:
            statement = (
                sa.select(table)
                # Of what is stripped nobody knows any more what it should say.
                .where(*self._mine(), table.c.stripped.is_(False), table.c.created_at >= since, table.c.sequence > last)
                .order_by(table.c.sequence)
                .limit(_PAGE)
            )
            async with self._engine.connect() as connection:
                rows = (await connection.execute(statement)).all()
            if not rows:
                return
            last = rows[-1].sequence
            page = [
                Expected(_records.validate_python(row.record), DeliveryState(row.state), row.sequence)
                for row in rows
                if not row.record.get("corrects")
            ]
            names = {row.sequence: (row.vendor_record_id, row.record_id) for row in rows}
            yield [_corrected(one, corrections, names[one.sequence]) for one in page]

    async def _corrections(self) -> dict[str, tuple[NewRecord, DeliveryState]]:
        """Read the last correction of each record, by the id it is corrected by."""
        statement = (
            sa.select(table.c.record, table.c.state)
            .where(*self._mine(), table.c.stripped.is_(False), _corrects != "")
            .order_by(table.c.sequence)
        )
        found: dict[str, tuple[NewRecord, DeliveryState]] = {}
        async with self._engine.connect() as connection:
            for document, state in (await connection.execute(statement)).all():
                record = _records.validate_python(document)
                found[record.corrects] = record, DeliveryState(state)
        return found

    async def queued(self, event_ids: Collection[str]) -> set[str]:
        """Return those of these events that there is a delivery of."""
        statement = sa.select(table.c.event_id).where(*self._mine(), table.c.event_id.in_(event_ids))
        async with self._engine.connect() as connection:
            return set((await connection.execute(statement)).scalars())

    async def known(self, record_ids: Collection[str]) -> set[str]:
        """Return those of these records that there is a delivery of, whosever it is: not all systems know tenants."""
        statement = sa.select(table.c.record_id).where(
            table.c.vendor == self._vendor, table.c.record_id.in_(record_ids)
        )
        async with self._engine.connect() as connection:
            return set((await connection.execute(statement)).scalars())

    async def write_again(self, expected: Expected) -> bool:
        """Have a record written again that was written once; it is looked for before. False: it has changed since."""
        values = {
            "state": DeliveryState.WAITING,
            "attempts": 0,
            "due_at": datetime.now(UTC),
            "settled_at": None,
            "vendor_record_id": "",
            "profile": Profile.REALTIME,
            # As corrections have made it: there is nothing there that they could change.
            "record": _records.dump_python(expected.record, mode="json"),
        }
        mine = table.update().where(*self._mine(), table.c.sequence == expected.sequence)
        statement = mine.where(table.c.state == DeliveryState.WRITTEN).values(**values).returning(table.c.sequence)
        async with transaction(self._engine) as connection:
            return (await connection.execute(statement)).first() is not None

    async def correct(self, expected: Expected, there: str) -> None:
        """Have what a record says there changed to what it should say."""
        record = replace(
            expected.record,
            event_id=new_event_id(),
            state=RecordState.APPLIED,
            corrects=there,
            closes="",
            profile=Profile.REALTIME,
        )
        async with transaction(self._engine) as connection:
            row = (
                await connection.execute(sa.select(table).where(*self._mine(), table.c.sequence == expected.sequence))
            ).one()
            whose = {row.contact_id} if row.contact_id else set()
            contacts = await contact_rows.find_many(connection, {self._tenant_id}, whose)
            await self._queue.add(connection, record, contacts.get(row.contact_id), row.trace)

    def _mine(self) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        return table.c.vendor == self._vendor, table.c.tenant_id == self._tenant_id


def _corrected(
    expected: Expected, corrections: Mapping[str, tuple[NewRecord, DeliveryState]], names: tuple[str, str]
) -> Expected:
    """Return what is expected once its last correction is made; while that waits, it is not looked at."""
    for name in names:
        if name in corrections and expected.state is DeliveryState.WRITTEN:
            record, state = corrections[name]
            changed = replace(expected.record, title=record.title, fields=record.fields)
            if state is DeliveryState.WRITTEN:
                return replace(expected, record=changed)
            return replace(expected, state=DeliveryState.WAITING) if state is DeliveryState.WAITING else expected
    return expected
