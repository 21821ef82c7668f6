"""What of a contact is open depends on what was decided on its drafts, not on when."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import database, migrate, transaction
from services.crm_gateway.adapters import contact_rows, tables
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.vendors.local import LocalCrm

SCOPE = Scope("clinic", "eu", "corr-1", "en-US", "s1")
KINDS = {
    "requested": ("appointment", True, ""),
    "moved": ("appointment", True, "appointment"),
    "cancelled": ("appointment_cancellation", False, "appointment"),
}
CRM = LocalCrm()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine, transaction(engine) as connection:
        yield connection


def records_of(name: str, words: list[str]) -> list[NewRecord]:
    made = []
    for number, word in enumerate(words):
        kind, opens, closes = KINDS[word]
        made.append(
            NewRecord(
                event_id=f"{name}.{number}",
                scope=SCOPE,
                customer=Customer(),
                kind=kind,
                state=RecordState.APPLIED,
                title=f"{number} {word}",
                open=opens,
                occurred_at=datetime.now(UTC),
                closes=closes,
            )
        )
    return made


async def open_titles(connection: AsyncConnection, contact: Contact) -> list[str]:
    table = tables.records
    query = sa.select(table.c.title).where(table.c.contact_id == contact.contact_id, table.c.is_open.is_(True))
    return list((await connection.execute(query.order_by(table.c.sequence))).scalars())


async def left_open(
    connection: AsyncConnection, name: str, words: list[str], late: list[int], no: set[int]
) -> list[str]:
    """Write what happened, with drafts of `late`; then say no to those in `no` and yes to the others, in that order."""
    contact = await contact_rows.insert(connection, SCOPE, Contact(contact_id=name))
    made = records_of(name, words)
    for number, record in enumerate(made):
        state = RecordState.DRAFT if number in late else RecordState.APPLIED
        await CRM.write(replace(record, state=state), contact, connection)
    for number in late:
        decide = CRM.reject if number in no else CRM.apply
        assert await decide(made[number], connection)
    return await open_titles(connection, contact)


CASES = [
    (["requested", "moved", "cancelled"], [1], []),
    (["requested", "requested", "moved", "cancelled"], [2], ["0 requested"]),
    (["requested", "requested", "cancelled"], [1], ["0 requested"]),
    (["requested", "moved", "requested"], [1], ["1 moved", "2 requested"]),
    (["requested", "cancelled", "requested"], [1], ["2 requested"]),
]


async def test_a_draft_that_is_applied_late_finds_its_place(connection: AsyncConnection) -> None:
    for number, (words, late, left) in enumerate(CASES):
        assert await left_open(connection, f"late{number}", words, late, set()) == left, words
        assert await left_open(connection, f"once{number}", words, [], set()) == left, words


async def test_whenever_decisions_come_the_same_is_open(connection: AsyncConnection) -> None:
    chance = random.Random(20)
    for case in range(30):
        words = chance.choices(list(KINDS), k=chance.randint(2, 8))
        late = chance.sample(range(len(words)), chance.randint(1, len(words)))
        no = {number for number in late if chance.random() < 0.3}
        kept = [number for number in range(len(words)) if number not in no]
        at_once = await left_open(connection, f"once{case}", [words[number] for number in kept], [], set())
        found = await left_open(connection, f"late{case}", words, late, no)
        assert [title.split()[1] for title in found] == [title.split()[1] for title in at_once], (words, late, no)
        assert [kept.index(int(title.split()[0])) for title in found] == [int(t.split()[0]) for t in at_once]
