"""What a person puts right is queued for every business system that has it wrong, once each, in order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.bus import new_event_id
from mesh.database import database, migrate, transaction
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, sync_tables, tables
from services.crm_gateway.adapters.dead_letters import DeadLetters
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.corrections.model import Correction, put_right
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.deliveries import Allowance, Delivery, GivenUp, Written
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.vendors.local import LocalCrm

SCOPE = Scope("clinic", "local", "corr-1", "en-US", "s1")
LEASE = timedelta(minutes=1)
WRONG = NewRecord(
    event_id="e1",
    scope=SCOPE,
    customer=Customer(),
    kind="appointment",
    state=RecordState.APPLIED,
    title="appointment for Sara on Monday",
    open=True,
    occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    fields={"person_name": "Sara", "day": "Monday"},
)
RIGHT = replace(
    WRONG, title="appointment for Sarah on Monday", fields={"person_name": "Sarah", "day": "Monday", "note": "late"}
)
CORRECTION = Correction("correction.1", "ann", datetime(2026, 11, 20, 10, tzinfo=UTC), "misheard")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield engine


@pytest.fixture
def outbox(engine: AsyncEngine) -> Outbox:
    return Outbox(engine, tables.outbox)


def queue(outbox: Outbox, vendor: str) -> Deliveries:
    return Deliveries(outbox, vendor, Allowance(1000, 1000))


async def a_contact(outbox: Outbox) -> Contact:
    async with outbox.transaction() as connection:
        return await contact_rows.insert(connection, SCOPE, Contact(new_event_id(), display_name="Sara"))


async def queued(outbox: Outbox, vendor: str, record: NewRecord, contact: Contact | None) -> None:
    async with outbox.transaction() as connection:
        assert await queue(outbox, vendor).add(connection, record, contact, {})


async def claimed(outbox: Outbox, vendor: str) -> list[Delivery]:
    return await queue(outbox, vendor).claim("one", 10, LEASE, lambda _: None)


async def written(outbox: Outbox, vendor: str, record_id: str) -> None:
    (delivery,) = await claimed(outbox, vendor)
    await queue(outbox, vendor).settle("one", [Written(delivery, record_id)])


async def correct(outbox: Outbox) -> list[str]:
    async with outbox.transaction() as connection:
        return await Corrections(outbox).correct_record(connection, WRONG, RIGHT, CORRECTION)


async def announced(engine: AsyncEngine, name: str) -> int:
    statement = sa.select(sa.func.count()).where(tables.outbox.c.type == f"voicemesh.events.v1.{name}")
    async with engine.connect() as connection:
        return int((await connection.execute(statement)).scalar_one())


async def test_each_that_has_it_is_told_once_and_who_waits_gets_it_right(engine: AsyncEngine, outbox: Outbox) -> None:
    contact = await a_contact(outbox)
    for vendor in ("there", "waits", "writes"):
        await queued(outbox, vendor, WRONG, contact)
    other = replace(WRONG, kind="visit", fields={"who": "Sara", "day": "Monday"}, title="nothing is wrong")
    await queued(outbox, "other", other, contact)
    async with outbox.transaction() as connection:
        await LocalCrm().write(WRONG, contact, connection)
    await written(outbox, "there", "T1")
    await written(outbox, "other", "O1")
    (begun,) = await claimed(outbox, "writes")

    assert await correct(outbox) == ["local", "there", "waits", "writes"]
    assert await correct(outbox) == ["local", "there", "waits", "writes"], "the same again tells them no more"

    (there,) = await claimed(outbox, "there")
    assert (there.record.corrects, there.record.event_id, there.record.fields) == ("T1", "correction.1", RIGHT.fields)
    assert there.record.closes == ""
    (waits,) = await claimed(outbox, "waits")
    assert (waits.record.event_id, waits.record.corrects, waits.record.title) == ("e1", "", RIGHT.title)
    assert await claimed(outbox, "writes") == [], "behind the attempt that is being made"
    await queue(outbox, "writes").settle("one", [Written(begun, "W1")])
    (writes,) = await claimed(outbox, "writes")
    assert (writes.record.corrects, writes.record.fields) == (WRONG.record_id, RIGHT.fields)
    assert await claimed(outbox, "other") == []
    async with engine.connect() as connection:
        local = (await connection.execute(sa.select(tables.records))).one()
    assert (local.title, local.fields) == (RIGHT.title, dict(RIGHT.fields))
    assert await announced(engine, "RecordCorrected") == 1


async def test_a_record_of_nobody_is_put_right_behind_itself(outbox: Outbox) -> None:
    alone = replace(WRONG, scope=replace(SCOPE, session_id=""))
    await queued(outbox, "writes", alone, None)
    (begun,) = await claimed(outbox, "writes")
    async with outbox.transaction() as connection:
        right = replace(RIGHT, scope=alone.scope)
        await Corrections(outbox).correct_record(connection, alone, right, CORRECTION)
    assert await claimed(outbox, "writes") == []
    await queue(outbox, "writes").settle("one", [Written(begun, "W1")])
    assert [delivery.record.event_id for delivery in await claimed(outbox, "writes")] == ["correction.1"]


async def test_what_was_given_up_is_right_when_it_is_tried_again(engine: AsyncEngine, outbox: Outbox) -> None:
    contact = await a_contact(outbox)
    await queued(outbox, "gave-up", WRONG, contact)
    (begun,) = await claimed(outbox, "gave-up")
    await queue(outbox, "gave-up").settle("one", [GivenUp(begun, "no answer")])
    assert await correct(outbox) == ["gave-up"]
    (behind,) = await claimed(outbox, "gave-up")
    assert (behind.record.event_id, behind.record.corrects) == ("correction.1", WRONG.record_id)
    (letter,), _ = await DeadLetters(Outbox(engine, tables.outbox)).page(
        "clinic", vendor="", sequence=0, size=10, token=""
    )
    assert letter.record.title == RIGHT.title


async def test_a_correction_is_of_the_same_event(engine: AsyncEngine, outbox: Outbox) -> None:
    async with transaction(engine) as connection:
        with pytest.raises(ValueError, match="same event"):
            await Corrections(outbox).correct_record(connection, WRONG, replace(RIGHT, event_id="e2"), CORRECTION)


async def test_who_has_a_contact_is_told_by_the_id_it_knows(engine: AsyncEngine, outbox: Outbox) -> None:
    contact = await a_contact(outbox)
    await queued(outbox, "there", WRONG, contact)
    link = {
        **dict.fromkeys(("region", "correlation_id", "language", "stage", "revision"), ""),
        "tenant_id": "clinic",
        "suppressed": False,
        "changed_at": datetime.now(UTC),
        "created_at": datetime.now(UTC),
        "contact_id": contact.contact_id,
    }
    rows = [
        {**link, "vendor": "heard", "vendor_contact_id": "H7", "gone": False},
        {**link, "vendor": "gone", "vendor_contact_id": "G7", "gone": True},
    ]
    right = replace(contact, display_name="Sarah")
    async with outbox.transaction() as connection:
        await connection.execute(sync_tables.links.insert(), rows)
        await contact_rows.update(connection, SCOPE, right)
        for names in (["display_name", "version"], ["region"]):
            told = await Corrections(outbox).correct_contact(connection, SCOPE, right, names, CORRECTION)
            assert told == (["heard", "there"] if names[0] == "display_name" else [])
    (heard,) = await claimed(outbox, "heard")
    assert (heard.record.corrects, heard.record.kind) == ("H7", "contact")
    assert heard.record.fields == {"display_name": "Sarah"}
    await written(outbox, "there", "T1")
    (there,) = await claimed(outbox, "there")
    assert there.record.corrects == contact.contact_id
    assert there.contact is not None
    assert there.contact.display_name == "Sarah"
    assert await announced(engine, "ContactCorrected") == 1


def test_another_mappings_title_is_put_right_where_the_value_stands_by_itself() -> None:
    held = replace(WRONG, kind="visit", title="Sara: visit of Saratoga", fields={"person_name": "Sara", "x": "Sara"})
    right = put_right(held, WRONG, RIGHT)
    assert right.title == "Sarah: visit of Saratoga"
    assert right.fields == {"person_name": "Sarah", "x": "Sara"}
    assert put_right(replace(held, fields={"person_name": "Tom"}), WRONG, RIGHT).fields == {"person_name": "Tom"}
