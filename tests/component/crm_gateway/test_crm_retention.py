"""What is done with is stripped to its keys after a while; what waits for a person is not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.database import database, migrate, transaction
from mesh.outbox import Outbox
from services.crm_gateway import retention
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.conflict_tables import conflicts
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.leases import Lease
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.deliveries import Allowance, GivenUp, Written
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.reconciliation.store import Rows
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.escrow import Escrow
from services.crm_gateway.review.model import Decision, moved

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield engine


def a_record(number: int) -> NewRecord:
    return NewRecord(
        event_id=f"e{number}",
        scope=Scope("clinic", "local", "corr-1", "en-US", f"s{number}"),
        customer=Customer(phone="+15550000000"),
        kind="complaint",
        state=RecordState.APPLIED,
        title="late",
        open=False,
        occurred_at=datetime.now(UTC),
        fields={"category": "late"},
    )


def keeping(engine: AsyncEngine, holder: str = "one") -> retention.Retention:
    return retention.Retention(engine, Lease(engine, "retention", holder, retention.LEASE), timedelta(days=365))


async def test_deliveries_keep_their_keys_and_come_no_second_time(engine: AsyncEngine) -> None:
    outbox = Outbox(engine, tables.outbox)
    queue = Deliveries(outbox, "there", Allowance(1000, 1000))
    async with transaction(engine) as connection:
        for number in range(3):
            assert await queue.add(connection, a_record(number), None, {})
    written, dead = await queue.claim("one", 2, timedelta(minutes=1), lambda _: None)
    await queue.settle("one", [Written(written, "T1"), GivenUp(dead, "no such field")])
    assert await keeping(engine).sweep(LONG_AGO) == 0, "it is not old enough"
    assert await keeping(engine).sweep(datetime.now(UTC) + AHEAD) == 1
    assert await keeping(engine).sweep(datetime.now(UTC) + AHEAD) == 0, "once is enough"
    async with transaction(engine) as connection:
        rows = (await connection.execute(sa.select(tables.deliveries).order_by(tables.deliveries.c.sequence))).all()
        assert not await queue.add(connection, a_record(0), None, {}), "its event is still known"
    assert [(row.stripped, row.record["title"], row.record["fields"]) for row in rows] == [
        (True, "", {}),
        (False, "late", {"category": "late"}),
        (False, "late", {"category": "late"}),
    ]
    assert (rows[0].vendor_record_id, rows[0].record["customer"]["phone"]) == ("T1", "")
    compared = [page async for page in Rows(engine, outbox, "there", "clinic").expected(LONG_AGO)]
    assert [one.record.event_id for page in compared for one in page] == ["e1", "e2"], "nothing is written over there"


async def test_one_process_at_a_time_does_it(engine: AsyncEngine) -> None:
    queue = Deliveries(Outbox(engine, tables.outbox), "there", Allowance(1000, 1000))
    async with transaction(engine) as connection:
        await queue.add(connection, a_record(1), None, {})
    [delivery] = await queue.claim("one", 1, timedelta(minutes=1), lambda _: None)
    await queue.settle("one", [Written(delivery, "T1")])
    assert await keeping(engine, "one").sweep(LONG_AGO) == 0
    assert await keeping(engine, "two").sweep(datetime.now(UTC) + AHEAD) == 0, "it is another's turn"


async def test_decided_drafts_are_stripped_and_waiting_ones_are_not(engine: AsyncEngine) -> None:
    queue = Drafts(Outbox(engine, tables.outbox))
    async with transaction(engine) as connection:
        for number in range(2):
            record = replace(a_record(number), state=RecordState.DRAFT, escrow=Escrow(doubts=(), types={}))
            assert await queue.make(connection, record, None, vendor="there", trace={})
        first = (await connection.execute(sa.select(sa.func.min(drafts.c.sequence)))).scalar_one()
        draft = await queue.locked(connection, "clinic", first)
        decision = Decision("ana", datetime.now(UTC), "she said so")
        await queue.move(connection, [moved(draft, RecordState.REJECTED, decision)])
    assert await keeping(engine).sweep(datetime.now(UTC) + AHEAD) == 1
    async with engine.connect() as connection:
        rows = (await connection.execute(sa.select(drafts).order_by(drafts.c.sequence))).all()
        steps = (await connection.execute(sa.select(draft_steps).where(draft_steps.c.draft == first))).all()
    assert [(row.stripped, row.record["fields"]) for row in rows] == [(True, {}), (False, {"category": "late"})]
    assert {step.note for step in steps} == {""}
    assert {step.by for step in steps} == {"there", "ana"}, "who did what stays"


async def test_conflicts_that_are_over_go(engine: AsyncEngine) -> None:
    who = {"tenant_id": "clinic", "region": "local", "correlation_id": "c", "language": "en-US"}
    now = datetime.now(UTC)
    async with transaction(engine) as connection:
        contact = {"contact_id": "c1", "display_name": "Ana", "version": 1, "created_at": now, "updated_at": now}
        known = {column.name for column in tables.contacts.columns}
        await connection.execute(
            tables.contacts.insert().values(
                {name: value for name, value in {**who, **contact}.items() if name in known}
            )
        )
        for number, state in enumerate(("waiting", "settled", "resolved")):
            about = {"conflict_id": f"k{number}", "contact_id": "c1", "field": "display_name", "state": state}
            rest = {"overruled": [], "rules_version": "1", "version": 1, "resolved_by": "", "reason": ""}
            times = {"detected_at": now, "settled_at": now if state != "waiting" else None}
            await connection.execute(conflicts.insert().values(**who, **about, **rest, **times))
    assert await keeping(engine).sweep(now + AHEAD) == 2
    async with engine.connect() as connection:
        assert list((await connection.execute(sa.select(conflicts.c.state))).scalars()) == ["waiting"]
