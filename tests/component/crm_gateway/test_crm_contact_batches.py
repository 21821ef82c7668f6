"""Contacts of a batch of records are those that the records would get one after the other."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from fakes.databases import new_database
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.database import advisory_key, database, migrate, sqlite_url, transaction
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, tables
from services.crm_gateway.adapters.contact_batches import contacts_of
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope

BATCH = 20


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """Two empty databases."""
    urls = [sqlite_url(tmp_path / name) for name in ("one.db", "two.db")]
    for url in urls:
        await migrate(url, "services.crm_gateway")
    async with database(urls[0]) as one, database(urls[1]) as two:
        yield one, two


def some_records(seed: int) -> list[NewRecord]:
    """Records of few people, who are named now by this and now by that, and share telephones."""
    chosen = random.Random(seed)
    return [
        NewRecord(
            event_id=f"e{number}",
            scope=Scope(chosen.choice(("clinic", "shop")), "local", "corr-1", "en-US", f"s{number}"),
            customer=Customer(
                customer_id=chosen.choice(("", "", "C-1", "C-2", "C-3")),
                phone=chosen.choice(("", "+15550001", "+15550002", "+15550003", "+15550004")),
                name=chosen.choice(("", "Sarah Miller", "Tom Baker")),
            ),
            kind="interaction",
            state=RecordState.APPLIED,
            title="a call",
            open=False,
            occurred_at=datetime.now(UTC),
        )
        for number in range(4 * BATCH)
    ]


def seen(contacts: list[Contact | None]) -> list[tuple[object, ...] | None]:
    """Say who they are, by the order of their first appearance instead of their ids."""
    numbers: dict[str, int] = {}
    return [
        None
        if contact is None
        else (
            numbers.setdefault(contact.contact_id, len(numbers)),
            contact.customer_id,
            contact.display_name,
            contact.phones,
            contact.version,
        )
        for contact in contacts
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_a_batch_ends_as_one_by_one_does(engines: tuple[AsyncEngine, AsyncEngine], seed: int) -> None:
    records = some_records(seed)
    ledgers = [Ledger(Outbox(engine, tables.outbox), load_rules(None)) for engine in engines]
    single: list[Contact | None] = []
    for record in records:
        async with transaction(engines[0]) as connection:
            single.append(await ledgers[0].contact_of(connection, record))
    together: list[Contact | None] = []
    for begin in range(0, len(records), BATCH):
        async with transaction(engines[1]) as connection:
            together += await contacts_of(connection, ledgers[1], records[begin : begin + BATCH])
    assert seen(together) == seen(single)
    assert len({contact.contact_id for contact in single if contact}) > 4


async def test_on_postgresql_every_name_is_held(postgres: str) -> None:
    async with database(new_database(postgres)) as engine, engine.connect() as first, engine.connect() as second:
        await contact_rows.hold(first, "clinic", [f"name {number}" for number in range(50)])
        held = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert (await second.execute(held)).scalar_one() == 50
        names = [f"name {number}" for number in reversed(range(50))]
        free = [await _is_free(second, advisory_key(f"crm:clinic:{name}")) for name in names]
        assert not any(free)
        assert await _is_free(second, advisory_key("crm:shop:name 1")), "another tenant's"


async def _is_free(connection: AsyncConnection, key: int) -> bool:
    return bool((await connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key)))).scalar_one())
