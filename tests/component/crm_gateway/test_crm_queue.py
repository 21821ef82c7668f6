"""The queue of deliveries on real databases: order, leases, allowances."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.events.v1.write_back_events_pb2 import CircuitClosed, CircuitOpened, WriteBackFailed

from mesh.bus import event_type
from mesh.database import database, migrate, transaction
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.allowances import take
from services.crm_gateway.adapters.dead_letters import DeadLetters
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.leases import Lease
from services.crm_gateway.deliveries import Allowance, CircuitChange, Delivery, GivenUp, Order, Postponed, Written
from services.crm_gateway.model import Customer, NewRecord, Profile, RecordState, Scope

PLENTY = Allowance(1000, 1000)
LEASE = timedelta(minutes=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield engine


def a_record(number: int, session: str = "s1", tenant: str = "clinic") -> NewRecord:
    return NewRecord(
        event_id=f"e{number}",
        scope=Scope(tenant, "local", "corr-1", "en-US", session),
        customer=Customer(),
        kind="interaction",
        state=RecordState.APPLIED,
        title=f"call {number}",
        open=False,
        occurred_at=datetime.now(UTC),
        fields={"n": str(number)},
    )


async def filled(engine: AsyncEngine, *records: NewRecord, allowance: Allowance = PLENTY) -> Deliveries:
    queue = Deliveries(Outbox(engine, tables.outbox), "there", allowance)
    async with transaction(engine) as connection:
        for record in records:
            assert await queue.add(connection, record, None, {})
    return queue


async def claim(queue: Deliveries, worker: str = "one", size: int = 10, lease: timedelta = LEASE) -> list[Delivery]:
    return await queue.claim(worker, size, lease, lambda _: None)


def ids(claimed: list[Delivery]) -> list[str]:
    return [delivery.record.event_id for delivery in claimed]


async def test_one_after_the_other_for_each_contact_and_beside_each_other_for_all(engine: AsyncEngine) -> None:
    queue = await filled(
        engine, a_record(1, "a"), a_record(2, "b"), a_record(3, "a"), a_record(4, "c"), a_record(5, "b")
    )
    first = await claim(queue)
    assert ids(first) == ["e1", "e2", "e4"]
    assert first[0].record.fields == {"n": "1"}
    assert ids(await claim(queue, "two")) == [], "the rest waits for its turn"
    await queue.settle("one", [Written(first[0], "r1"), Postponed(first[1], "busy", datetime.now(UTC) + LEASE)])
    assert ids(await claim(queue, "two")) == ["e3"], "e5 waits for e2, which was put off"
    await queue.settle("one", [GivenUp(first[2], "no")])
    assert ids(await claim(queue, "two")) == []


async def test_an_event_is_queued_once(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    async with transaction(engine) as connection:
        assert not await queue.add(connection, a_record(1), None, {})
    assert ids(await claim(queue)) == ["e1"]


async def test_who_is_silent_loses_its_deliveries_and_changes_nothing_later(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    lost = (await claim(queue, "one", lease=timedelta(seconds=-1)))[0]
    assert (lost.attempt, lost.begun_before) == (1, False)
    taken = (await claim(queue, "two"))[0]
    assert (taken.attempt, taken.begun_before) == (2, True), "it may be there already"
    await queue.settle("one", [GivenUp(lost, "late news")])
    await queue.settle("two", [Written(taken, "r1")])
    async with engine.connect() as connection:
        row = (await connection.execute(sa.select(tables.deliveries))).one()
    assert (row.state, row.vendor_record_id, row.last_error) == ("written", "r1", "")


async def test_a_wait_that_was_asked_for_is_no_attempt(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    for _ in range(3):
        delivery = (await claim(queue))[0]
        assert delivery.attempt == 1
        await queue.settle("one", [Postponed(delivery, "busy", datetime.now(UTC), counts=False)])


async def test_a_tenant_gets_no_more_than_its_allowance_over_all_workers(engine: AsyncEngine) -> None:
    records = [a_record(n, f"s{n}") for n in range(6)] + [a_record(n, f"s{n}", "shop") for n in range(6, 8)]
    queue = await filled(engine, *records, allowance=Allowance(per_s=0.001, burst=4))
    assert ids(await claim(queue, "one", size=3)) == ["e0", "e1", "e2"]
    assert ids(await claim(queue, "two", size=10)) == ["e3", "e6", "e7"], "the other tenant has its own"
    assert ids(await claim(queue, "one")) == []


async def test_only_as_many_as_are_permitted(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1, "a"), a_record(2, "b"), a_record(3, "c", "shop"))
    claimed = await queue.claim("one", 10, LEASE, lambda tenant: 0 if tenant == "shop" else 1)
    assert ids(claimed) == ["e1"]


async def test_tokens_come_back_with_time_and_never_beyond_the_burst(engine: AsyncEngine) -> None:
    now = datetime.now(UTC)

    async def taken(wanted: int, after_s: float) -> int:
        async with transaction(engine) as connection:
            moment = now + timedelta(seconds=after_s)
            return await take(
                connection, vendor="there", tenant_id="clinic", wanted=wanted, allowance=Allowance(2, 5), now=moment
            )

    assert await taken(9, 0) == 5
    assert await taken(9, 0.4) == 0
    assert await taken(9, 1.0) == 2
    assert await taken(9, 0.5) == 0, "a clock that is behind gives nothing"
    assert await taken(9, 100) == 5


async def test_a_lease_has_one_holder_and_ends_by_itself(engine: AsyncEngine) -> None:
    one, two = (Lease(engine, "intake", name, LEASE) for name in ("one", "two"))
    assert await one.hold()
    assert not await two.hold()
    assert await one.hold(), "renewed"
    await one.give_up()
    assert await two.hold()
    gone = Lease(engine, "other", "gone", timedelta(seconds=-1))
    assert await gone.hold()
    assert await Lease(engine, "other", "next", LEASE).hold()


async def test_a_draft_holds_up_nothing_and_is_made_once_it_is_released(engine: AsyncEngine) -> None:
    draft = replace(a_record(1, "a"), state=RecordState.DRAFT)
    queue = await filled(engine, draft, a_record(2, "a"), a_record(3, "a"))
    second = (await claim(queue))[0]
    assert second.record.event_id == "e2"
    seen = replace(draft, state=RecordState.APPLIED, title="seen")
    async with transaction(engine) as connection:
        assert not await queue.release(connection, "shop", "e1", seen), "another tenant's"
        assert await queue.release(connection, "clinic", "e1", seen)
        assert not await queue.release(connection, "clinic", "e1", seen), "it is one no more"
        assert not await queue.reject(connection, "clinic", "e1")
    assert ids(await claim(queue)) == [], "another of that contact is being made"
    await queue.settle("one", [Written(second, "r2")])
    first = (await claim(queue))[0]
    assert (first.record, first.begun_before) == (seen, False)


async def test_a_draft_that_is_turned_down_is_never_made(engine: AsyncEngine) -> None:
    draft = replace(a_record(1), state=RecordState.DRAFT)
    queue = await filled(engine, draft)
    async with transaction(engine) as connection:
        assert await queue.reject(connection, "clinic", "e1")
        assert not await queue.release(connection, "clinic", "e1", replace(draft, state=RecordState.APPLIED))
    assert await claim(queue) == []


async def test_a_draft_is_released_with_its_own_record_only(engine: AsyncEngine) -> None:
    draft = replace(a_record(1), state=RecordState.DRAFT)
    queue = await filled(engine, draft)
    async with transaction(engine) as connection:
        for wrong in (draft, a_record(2)):
            with pytest.raises(ValueError, match="own event's record"):
                await queue.release(connection, "clinic", "e1", wrong)


async def test_a_tenant_that_must_wait_holds_up_no_other(engine: AsyncEngine) -> None:
    records = [a_record(n, f"s{n}", "shop") for n in range(5)] + [a_record(n, f"s{n}") for n in range(5, 8)]
    queue = await filled(engine, *records)
    claimed = await queue.claim("one", 3, LEASE, lambda tenant: 0 if tenant == "shop" else None)
    assert ids(claimed) == ["e5", "e6", "e7"]


async def test_what_was_not_asked_for_cannot_be_there(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    now = datetime.now(UTC)
    first = (await claim(queue))[0]
    await queue.settle("one", [Postponed(first, "it is left alone", now, made=False)])
    second = (await claim(queue))[0]
    assert (second.attempt, second.begun_before) == (1, False)
    await queue.settle("one", [Postponed(second, "no answer", now)])
    third = (await claim(queue))[0]
    await queue.settle("one", [Postponed(third, "it is left alone", now, made=False)])
    fourth = (await claim(queue))[0]
    assert (fourth.attempt, fourth.begun_before) == (2, True), "an earlier attempt may have written it all the same"


def can_wait(number: int, session: str) -> NewRecord:
    return replace(a_record(number, session), profile=Profile.BATCH)


async def claim_batch(queue: Deliveries, size: int, wait: timedelta = LEASE) -> list[Delivery]:
    return await queue.claim_batch("one", size, LEASE, lambda _: None, wait=wait)


async def test_what_can_wait_is_made_once_there_is_enough_of_it_or_it_is_old_enough(engine: AsyncEngine) -> None:
    queue = await filled(engine, can_wait(1, "a"), can_wait(2, "b"), a_record(3, "c"))
    assert ids(await claim(queue)) == ["e3"]
    assert ids(await claim_batch(queue, 3)) == []
    assert ids(await claim_batch(queue, 2)) == ["e1", "e2"]
    later = await filled(engine, can_wait(4, "d"))
    assert ids(await claim_batch(later, 2, timedelta(0))) == ["e4"]


async def test_what_can_wait_does_not_where_something_urgent_of_its_contact_comes_behind(engine: AsyncEngine) -> None:
    queue = await filled(engine, can_wait(1, "a"), can_wait(2, "b"))
    await filled(engine, a_record(3, "a"))
    first = await claim(queue)
    assert ids(first) == ["e1"], "in the order of the contact"
    await queue.settle("one", [Written(first[0], "r1")])
    assert ids(await claim(queue)) == ["e3"]
    assert ids(await claim_batch(queue, 1)) == ["e2"]


async def events_of(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as connection:
        rows = (await connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id))).all()
    return [event_type(row.type).FromString(bytes(row.payload)) for row in rows]


async def test_a_dead_letter_is_an_event_each_time_it_is_made(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    lost = (await claim(queue, "one", lease=timedelta(seconds=-1)))[0]
    taken = (await claim(queue, "two"))[0]
    await queue.settle("one", [GivenUp(lost, "late news")])
    assert await events_of(engine) == [], "it is another's now"
    await queue.settle("two", [GivenUp(taken, "no such field")])
    letters = DeadLetters(Outbox(engine, tables.outbox))
    assert await letters.replay("clinic", "there", [], Order("ana", "mended", datetime.now(UTC))) == 1
    again = (await claim(queue, "two"))[0]
    await queue.settle("two", [GivenUp(again, "still no such field")])
    first, replayed, second = await events_of(engine)
    assert isinstance(first, WriteBackFailed)
    assert (replayed.replayed_by, replayed.purpose, replayed.dead_letter_id) == ("ana", "mended", taken.sequence)
    assert (first.vendor, first.kind, first.record_id) == ("there", "interaction", a_record(1).record_id)
    assert (first.source_event_id, first.dead_letter_id, first.attempts) == ("e1", taken.sequence, 2)
    assert (first.reason, second.reason) == ("no such field", "still no such field")
    assert first.context.event_id != second.context.event_id


async def test_what_became_of_a_circuit_is_an_event(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1))
    delivery = (await claim(queue))[0]
    now = datetime.now(UTC)
    opened = CircuitChange(delivery.record.scope, "w1", now, open=True, retry_at=now + LEASE, reason="away")
    await queue.settle("one", [Postponed(delivery, "away", now)], [opened, replace(opened, open=False)])
    first, second = await events_of(engine)
    assert isinstance(first, CircuitOpened)
    assert (first.vendor, first.worker, first.reason, first.context.tenant_id) == ("there", "w1", "away", "clinic")
    assert first.retry_at.ToDatetime(UTC) == now + LEASE
    assert isinstance(second, CircuitClosed)
    assert second.opened_at.ToDatetime(UTC) == now


async def test_how_long_the_oldest_waits(engine: AsyncEngine) -> None:
    queue = await filled(engine)
    assert await queue.oldest() is None
    before = datetime.now(UTC)
    await filled(engine, can_wait(1, "a"), a_record(2, "b"))
    oldest = await queue.oldest()
    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC)
    for delivery in [*await claim(queue), *await claim_batch(queue, 1)]:
        await queue.settle("one", [Written(delivery, "r")])
    assert await queue.oldest() is None


async def test_what_can_wait_does_not_before_a_draft_that_is_released(engine: AsyncEngine) -> None:
    draft = replace(a_record(2, "a"), state=RecordState.DRAFT)
    queue = await filled(engine, can_wait(1, "a"), draft)
    assert ids(await claim(queue)) == []
    async with transaction(engine) as connection:
        assert await queue.release(connection, "clinic", "e2", replace(draft, state=RecordState.APPLIED))
    first = await claim(queue)
    assert ids(first) == ["e1"]
    await queue.settle("one", [Written(first[0], "r1")])
    assert ids(await claim(queue)) == ["e2"]


async def test_who_has_one_tenants_account_claims_nothing_of_another(engine: AsyncEngine) -> None:
    await filled(
        engine, a_record(1, "a", "shop"), a_record(2, "b"), replace(a_record(3, "c", "shop"), profile=Profile.BATCH)
    )
    mine = Deliveries(Outbox(engine, tables.outbox), "there", PLENTY, tenant_id="clinic")
    assert ids(await claim(mine)) == ["e2"]
    assert await mine.claim_batch("one", 1, LEASE, lambda _: None, wait=timedelta(0)) == []
    shop = Deliveries(Outbox(engine, tables.outbox), "there", PLENTY, tenant_id="shop")
    assert ids(await claim(shop)) == ["e1"]


async def test_an_answer_that_no_database_holds_is_kept_as_far_as_it_can_be(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1, "a"), a_record(2, "b"), a_record(3, "c"), a_record(4, "d"))
    one, two, three, four = await claim(queue)
    now = datetime.now(UTC)
    bad = "no\0thing \ud800"
    await queue.settle(
        "one", [Written(one, "i" * 200), GivenUp(two, bad), Postponed(three, bad, now + LEASE), Written(four, bad)]
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(sa.select(tables.deliveries).order_by(tables.deliveries.c.sequence))).all()
    assert [row.state for row in rows] == ["written", "dead", "waiting", "written"]
    assert (rows[0].vendor_record_id, rows[3].vendor_record_id) == ("i" * 128, "nothing ?")
    assert {rows[1].last_error, rows[2].last_error} == {"nothing ?"}


async def test_what_was_not_written_down_is_not_announced(engine: AsyncEngine) -> None:
    queue = await filled(engine, a_record(1, "a"), a_record(2, "b"))
    lost, dropped = await claim(queue, "one", lease=timedelta(seconds=-1))
    taken = (await claim(queue, "two", size=1))[0]
    async with transaction(engine) as connection:
        mine = tables.deliveries.c.sequence == dropped.sequence
        await connection.execute(tables.deliveries.update().where(mine).values(state="dropped"))
    await queue.settle("one", [Written(lost, "r1"), Written(dropped, "r2")])
    assert await events_of(engine) == []
    await queue.settle("two", [Written(taken, "r1")])
    (told,) = await events_of(engine)
    assert (told.record_id, told.source_event_id) == ("r1", "e1")


@pytest.mark.parametrize("tenant", ["", "clinic"])
async def test_to_claim_nothing_holds_no_writer_up(engine: AsyncEngine, tenant: str) -> None:
    await filled(engine, a_record(1, "a"), a_record(2, "b"), can_wait(3, "c"))
    queue = Deliveries(Outbox(engine, tables.outbox), "there", PLENTY, tenant_id=tenant)
    (first,) = await claim(queue, size=1)
    await queue.settle("one", [Postponed(first, "no answer", datetime.now(UTC))])
    # Whoever wanted to write now would wait for this, in SQLite.
    async with transaction(engine):
        assert await queue.claim("two", 10, LEASE, lambda _: 0) == [], "the circuit is open"
        assert await queue.claim_batch("two", 1, LEASE, lambda _: 0, wait=LEASE) == []
    assert ids(await claim(queue)) == ["e1", "e2"]
    async with transaction(engine):
        assert await claim(queue) == [], "nothing is due"


async def test_one_tenants_allowance_is_taken_to_its_end(engine: AsyncEngine) -> None:
    records = [a_record(n, f"s{n}") for n in range(4)]
    await filled(engine, *records, a_record(4, "s4", "shop"))
    queue = Deliveries(Outbox(engine, tables.outbox), "there", Allowance(per_s=0.001, burst=3), tenant_id="clinic")
    assert ids(await claim(queue)) == ["e0", "e1", "e2"]
    assert ids(await claim(queue)) == []
