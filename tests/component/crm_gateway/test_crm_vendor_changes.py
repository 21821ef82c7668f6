"""What business systems say, taken into a real database: once, in any order."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.database import database, migrate, sqlite_url
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.change_intake import ChangeIntake
from services.crm_gateway.adapters.contacts import ContactStore
from services.crm_gateway.adapters.cursors import Cursor, SyncStates
from services.crm_gateway.adapters.statements import ChangesOnly, Statements
from services.crm_gateway.adapters.sync_tables import items, links
from services.crm_gateway.adapters.vendor_changes import VendorChanges
from services.crm_gateway.conflicts.model import Statement
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.model import CallerContext, Contact, ContactKey, Scope
from services.crm_gateway.sync_in.model import (
    LostCursorError,
    Page,
    Position,
    Taken,
    VendorChange,
    VendorContact,
    VendorItem,
)

SCOPE = Scope("clinic", "local", "corr-1", "en-US")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONE = "+15550000001"
SARAH = VendorContact("C1", NOON, customer_id="c-1", display_name="Sarah", phones=(PHONE,), emails=(), language="en-US")
DEAL = VendorItem("D1", "deal", NOON, contact_id="C1", title="A new roof", state="offer", amount="900", currency="EUR")


@dataclass
class Sync:
    """A database, and what takes changes into it."""

    engine: AsyncEngine
    intake: ChangeIntake
    cursor: Cursor
    store: ContactStore
    count: "itertools.count[int]"

    async def webhook(self, *changes: VendorChange, webhook_id: str = "") -> bool:
        return await self.intake.take_webhook(webhook_id or f"msg_{next(self.count)}", changes)

    async def context(self) -> CallerContext:
        return await self.store.context("clinic", ContactKey("phone", PHONE))

    async def events(self) -> list[str]:
        statement = sa.select(tables.outbox.c.type).order_by(tables.outbox.c.id)
        async with self.engine.connect() as connection:
            return [str(name).rpartition(".")[2] for name in (await connection.execute(statement)).scalars()]

    async def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Sync]:
    await migrate(url, "services.crm_gateway")
    async with database(url) as engine:
        outbox = Outbox(engine, tables.outbox)
        cursor = Cursor(engine, SCOPE, "simulator")
        changes = VendorChanges("simulator", outbox, Statements(load_rules(None), outbox))
        intake = ChangeIntake(changes, cursor, SCOPE)
        yield Sync(engine, intake, cursor, ContactStore(engine, outbox), itertools.count())


@pytest.fixture
async def sync(tmp_path: Path) -> AsyncIterator[Sync]:
    async with opened(sqlite_url(tmp_path / "crm.db")) as there:
        yield there


@pytest.fixture
async def any_sync(database_url: str) -> AsyncIterator[Sync]:
    """On each kind of database, where its statements are what is tested."""
    async with opened(database_url) as there:
        yield there


def later(change: VendorChange, seconds: float = 1, **values: Any) -> VendorChange:
    return replace(change, changed_at=change.changed_at + timedelta(seconds=seconds), **values)


async def test_a_contact_and_a_deal_of_another_system_are_in_the_callers_context(sync: Sync) -> None:
    assert await sync.webhook(SARAH, DEAL)
    context = await sync.context()
    assert context.contact is not None
    assert (context.contact.customer_id, context.contact.display_name) == ("c-1", "Sarah")
    assert [
        (item.vendor, item.record_id, item.kind, item.title, item.state, item.amount) for item in context.open_items
    ] == [("simulator", "D1", "deal", "A new roof", "offer", "900")]
    assert [(link.vendor, link.vendor_contact_id) for link in context.links] == [("simulator", "C1")]
    assert await sync.events() == ["ContactChanged", "ItemChanged"]


async def test_a_deal_that_is_closed_there_is_open_no_more(sync: Sync) -> None:
    await sync.webhook(SARAH, DEAL)
    await sync.webhook(later(DEAL, state="won", open=False))
    assert (await sync.context()).open_items == ()
    assert (await sync.events())[2:] == ["ItemChanged", "DealClosed"]


async def test_a_webhook_that_comes_again_changes_nothing(sync: Sync) -> None:
    assert await sync.webhook(SARAH, DEAL, webhook_id="msg")
    assert not await sync.webhook(later(DEAL, state="won", open=False), webhook_id="msg")
    assert len((await sync.context()).open_items) == 1
    assert (await sync.cursor.read()) == Position()


CHANGES: Sequence[VendorChange] = (
    SARAH,
    later(SARAH, display_name="Sarah Miller", stage="customer"),
    DEAL,
    later(DEAL, 1, state="signed"),
    later(DEAL, 2, state="won", open=False),
)


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (1, 4, 0, 0, 2, 3, 4, 1)])
async def test_changes_in_any_order_end_in_the_same_state(any_sync: Sync, order: Sequence[int]) -> None:
    for place in order:
        await any_sync.webhook(CHANGES[place])
    (item,), (link,) = await any_sync.rows(items), await any_sync.rows(links)
    assert (item["state"], item["is_open"], link["stage"]) == ("won", False, "customer")
    context = await any_sync.context()
    assert context.contact is not None
    assert (context.contact.display_name, context.open_items) == ("Sarah Miller", ())
    assert (await any_sync.events()).count("DealClosed") == 1


SNAPSHOTS = (
    ("simulator", later(SARAH, 1)),
    ("hub", later(SARAH, 2, language="es")),
    ("simulator", later(SARAH, 3, display_name="Sarah Miller")),
    ("simulator", later(SARAH, 4, display_name="Sarah Miller", language="fr")),
    ("simulator", later(SARAH, 5, display_name="Sarah Miller", phones=(PHONE, "+15550000002"))),
    ("hub", later(SARAH, 6, language="es", emails=("s@example.com",))),
)


async def ended(sync: Sync, order: Sequence[int], count: int) -> Contact:
    """Take snapshots in as the sync process does, of a contact that was there before; return what it is then."""
    outbox = Outbox(sync.engine, tables.outbox)
    scope = replace(SCOPE, tenant_id=f"clinic-{'-'.join(map(str, order))}-{count}")
    statements = ChangesOnly(Statements(load_rules(None), outbox))
    intakes = {
        name: ChangeIntake(VendorChanges(name, outbox, statements), Cursor(sync.engine, scope, name), scope)
        for name in ("simulator", "hub")
    }
    for place in order:
        name, change = SNAPSHOTS[place]
        await intakes[name].take_webhook(f"msg_{next(sync.count)}", [change])
    found = (await sync.store.context(scope.tenant_id, ContactKey("customer_id", "c-1"))).contact
    assert found is not None
    return replace(found, contact_id="", version=0, updated_at=None)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
async def test_snapshots_of_several_systems_end_in_the_same_contact_in_any_order(sync: Sync, count: int) -> None:
    places = range(count)
    expected = await ended(sync, places, count)
    if count == 3:
        assert expected.language == "es", "the simulator only repeated what it had said before"
    every = list(itertools.permutations(places))
    for order in every if count == 3 else Random(count).sample(every, 12):
        again = tuple(order) + tuple(order[:2])
        assert await ended(sync, again, count) == expected, order


async def test_changes_of_one_moment_end_in_the_same_state(sync: Sync) -> None:
    first, second = later(DEAL, 0, state="a"), later(DEAL, 0, state="b")
    outbox = Outbox(sync.engine, tables.outbox)
    other = VendorChanges("other", outbox, Statements(load_rules(None), outbox))
    backwards = ChangeIntake(other, Cursor(sync.engine, SCOPE, "other"), SCOPE)
    for change, opposite in ((first, second), (second, first)):
        await sync.webhook(change)
        await backwards.take_webhook(f"msg_{opposite}", [opposite])
    assert len({row["state"] for row in await sync.rows(items)}) == 1


async def test_a_contact_that_the_mesh_knows_is_linked_by_its_ids_or_its_number(any_sync: Sync) -> None:
    by_id, _ = await any_sync.store.upsert(SCOPE, Contact("", display_name="By id"))
    by_customer, _ = await any_sync.store.upsert(SCOPE, Contact("", customer_id="c-2"))
    by_phone, _ = await any_sync.store.upsert(SCOPE, Contact("", phones=("+15550000003",)))
    said = (
        VendorContact("V1", NOON, external_id=by_id.contact_id),
        VendorContact("V2", NOON, customer_id="c-2"),
        VendorContact("V3", NOON, phones=("+15550000003",)),
        # Shares the number of V3, and is somebody else there.
        VendorContact("V4", NOON, phones=("+15550000003",)),
    )
    await any_sync.webhook(*said)
    linked = {row["vendor_contact_id"]: row["contact_id"] for row in await any_sync.rows(links)}
    assert [linked[name] for name in ("V1", "V2", "V3")] == [c.contact_id for c in (by_id, by_customer, by_phone)]
    assert linked["V4"] not in {linked["V1"], linked["V2"], linked["V3"]}


async def test_who_is_deleted_there_stays_so_whatever_comes_late(sync: Sync) -> None:
    await sync.webhook(later(SARAH, 5, gone=True))
    await sync.webhook(SARAH)
    assert await sync.rows(tables.contacts) == []
    assert [row["gone"] for row in await sync.rows(links)] == [True]


async def test_the_items_of_who_is_deleted_there_are_shown_no_more(sync: Sync) -> None:
    await sync.webhook(SARAH, DEAL)
    await sync.webhook(later(SARAH, gone=True))
    context = await sync.context()
    assert (context.open_items, context.links) == ((), ())
    assert context.contact is not None, "the mesh has its own reasons to know them"


async def test_a_record_of_ours_is_shown_once_and_as_it_is_there(any_sync: Sync) -> None:
    await any_sync.webhook(SARAH)
    contact = (await any_sync.context()).contact
    assert contact is not None
    scope = {"tenant_id": "clinic", "region": "local", "correlation_id": "c", "language": "en", "session_id": "s"}
    what = {"kind": "complaint", "state": "applied", "is_open": True, "title": "late", "fields": {}, "turn_id": ""}
    which = {"record_id": "r1", "event_id": "e1", "contact_id": contact.contact_id}
    record = scope | what | which | {"occurred_at": NOON, "created_at": NOON}
    async with any_sync.engine.begin() as connection:
        await connection.execute(tables.records.insert().values(record))
    ticket = VendorItem("T1", "complaint", NOON, contact_id="C1", record_id="r1", title="late", state="applied")
    await any_sync.webhook(ticket)
    assert [(item.vendor, item.record_id) for item in (await any_sync.context()).open_items] == [("simulator", "T1")]
    await any_sync.webhook(later(ticket, open=False))
    assert (await any_sync.context()).open_items == ()


async def test_a_page_and_its_cursor_are_one(any_sync: Sync) -> None:
    start = await any_sync.cursor.read()
    assert start == Position("", complete=False)
    page = Page((SARAH, DEAL, later(DEAL, state="won", open=False)), "3", more=True, refused=("a deal without `data`",))
    assert await any_sync.intake.take_page(start, page) == Taken(applied=3)
    with pytest.raises(LostCursorError):
        await any_sync.intake.take_page(start, Page((later(SARAH, display_name="Lost"),), "9", more=False))
    assert (await any_sync.cursor.read()) == Position("3", complete=False)
    assert await any_sync.intake.take_page(Position("3"), Page((SARAH,), "4", more=False)) == Taken(ignored=1)
    assert (await any_sync.cursor.read()) == Position("4", complete=True)
    (state,) = await SyncStates(any_sync.engine).states("clinic")
    assert (state.applied, state.ignored, state.refused, state.last_refusal) == (3, 1, 1, "a deal without `data`")
    assert state.changed_at == NOON + timedelta(seconds=1)
    context = await any_sync.context()
    assert context.contact is not None
    assert context.contact.display_name == "Sarah"


async def test_deals_that_were_closed_before_the_mesh_looked_are_no_news(sync: Sync) -> None:
    await sync.intake.take_page(await sync.cursor.read(), Page((later(DEAL, open=False),), "1", more=False))
    assert await sync.events() == ["ItemChanged"]


async def test_beginning_again_reads_all_and_changes_nothing(sync: Sync) -> None:
    await sync.intake.take_page(await sync.cursor.read(), Page((SARAH, DEAL), "2", more=False))
    before = await SyncStates(sync.engine).restart("clinic", "simulator")
    assert before is not None
    assert before.cursor == "2"
    assert await sync.intake.take_page(await sync.cursor.read(), Page((SARAH, DEAL), "2", more=False)) == Taken(
        ignored=2
    )
    assert await SyncStates(sync.engine).restart("clinic", "nobody") is None


class Refusing(Statements):
    """Has the database refuse whoever is called "Bad"."""

    async def create(
        self, connection: AsyncConnection, scope: Scope, statements: Iterable[Statement], contact_id: str = ""
    ) -> Contact:
        contact = await super().create(connection, scope, statements, contact_id)
        if contact.display_name == "Bad":
            same = tables.contacts.c.contact_id == contact.contact_id
            await connection.execute(tables.contacts.update().where(same).values(display_name=None))
        return contact


async def test_a_change_that_the_database_refuses_holds_up_no_other(any_sync: Sync) -> None:
    outbox = Outbox(any_sync.engine, tables.outbox)
    changes = VendorChanges("simulator", outbox, Refusing(load_rules(None), outbox))
    intake = ChangeIntake(changes, any_sync.cursor, SCOPE)
    bad = VendorContact("C0", NOON + timedelta(days=1), display_name="Bad", phones=("+15550000009",))
    page = Page((bad, SARAH, DEAL), "3", more=False)
    assert await intake.take_page(await any_sync.cursor.read(), page) == Taken(applied=2)
    assert await any_sync.cursor.read() == Position("3", complete=True)
    assert await intake.take_webhook("msg_bad", [bad, later(DEAL, state="won", open=False)])
    assert not await intake.take_webhook("msg_bad", [bad]), "it is not sent for ever"
    (state,) = await SyncStates(any_sync.engine).states("clinic")
    assert (state.applied, state.refused, state.changed_at) == (3, 2, NOON + timedelta(seconds=1))
    assert state.last_refusal == "a contact that cannot be kept: IntegrityError"
    assert [link["vendor_contact_id"] for link in await any_sync.rows(links)] == ["C1"]
    assert len(await any_sync.rows(tables.contacts)) == 1, "nothing of it stays"


async def test_why_reading_failed_is_kept_as_far_as_it_can_be(any_sync: Sync) -> None:
    await any_sync.cursor.failed("it answers 500: \0\ud800")
    (state,) = await SyncStates(any_sync.engine).states("clinic")
    assert state.last_error == "it answers 500: ?"
