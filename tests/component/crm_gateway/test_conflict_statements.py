"""What sources say of a contact ends in the same contact on both databases, in whatever order it comes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.bus import new_event_id
from mesh.database import database, migrate, transaction
from mesh.outbox import Outbox
from services.crm_gateway.adapters import conflict_tables, contact_rows, tables
from services.crm_gateway.adapters.conflict_log import conflict
from services.crm_gateway.adapters.statements import ChangesOnly, Statements
from services.crm_gateway.conflicts.merging import merge, retain
from services.crm_gateway.conflicts.model import Conflict, Statement, Value
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.model import Contact, ContactKey, ContactNotFoundError, Scope

START = datetime(2026, 11, 1, tzinfo=UTC)
SCOPE = Scope("clinic", "local", "corr-1", "en-US")
RULES = load_rules(None)
VALUES: dict[str, list[Value]] = {
    "display_name": ["Sarah", "sarah ", "Sara", "S. Miller", ""],
    "phones": [("+15550000001",), ("+15550000001", "+15550000002"), ("+15550000003",), ()],
    "language": ["en-US", "es-MX", ""],
    "notes": ["called twice", "wants a call back", ("one", "two")],
    "suppressed": ["yes", "no", "perhaps"],
}
every_statement = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(
        Statement,
        field=st.just(name),
        source=st.sampled_from(["call", "console", "review", "hubspot", "salesforce"]),
        value=st.sampled_from(VALUES[name]),
        changed_at=st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours)),
        statement_id=st.sampled_from(["1", "2"]),
        confidence=st.sampled_from([None, 0.2, 0.9]),
    )
)


def said(field: str, source: str, value: Value, at: int, confidence: float | None = None) -> Statement:
    return Statement(field, source, value, START + timedelta(hours=at), f"{source}-{at}", confidence)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield engine


@pytest.fixture
def taken(engine: AsyncEngine) -> Statements:
    return Statements(RULES, Outbox(engine, tables.outbox))


async def a_contact(engine: AsyncEngine, **values: object) -> Contact:
    empty = Contact(new_event_id(), **values)  # type: ignore[arg-type]
    async with transaction(engine) as connection:
        return await contact_rows.insert(connection, SCOPE, empty)


async def take(engine: AsyncEngine, taken: Statements, contact: Contact, said: Iterable[Statement]) -> Contact:
    async with transaction(engine) as connection:
        return await taken.take(connection, SCOPE, contact, said)


async def now(engine: AsyncEngine, contact: Contact) -> Contact:
    async with engine.connect() as connection:
        found = await contact_rows.find(connection, SCOPE.tenant_id, ContactKey("contact_id", contact.contact_id))
    assert found is not None
    return found


async def log(engine: AsyncEngine, contact: Contact) -> list[Conflict]:
    table = conflict_tables.conflicts
    statement = sa.select(table).where(table.c.contact_id == contact.contact_id).order_by(table.c.sequence)
    async with engine.connect() as connection:
        return [conflict(row) for row in (await connection.execute(statement)).all()]


async def announced(engine: AsyncEngine, name: str) -> int:
    statement = sa.select(sa.func.count()).where(tables.outbox.c.type == f"voicemesh.events.v1.{name}")
    async with engine.connect() as connection:
        return int((await connection.execute(statement)).scalar_one())


def in_groups(statements: list[Statement], random: Random) -> list[list[Statement]]:
    """All of them, some twice, in any order and grouping."""
    every = statements + [statement for statement in statements if random.random() < 0.3]
    random.shuffle(every)
    groups: list[list[Statement]] = []
    while every:
        size = random.randint(1, len(every))
        groups.append(every[:size])
        every = every[size:]
    return groups


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(every_statement, min_size=1, max_size=14), st.randoms(use_true_random=False))
async def test_any_interleaving_ends_in_the_same_contact(
    engine: AsyncEngine, taken: Statements, statements: list[Statement], random: Random
) -> None:
    first, second = await a_contact(engine), await a_contact(engine)
    for contact in (first, second):
        for group in in_groups(statements, random):
            await take(engine, taken, contact, group)
    ends = []
    for contact in (first, second):
        end = await now(engine, contact)
        assert await take(engine, taken, end, statements[:1]) == end, "nothing is new"
        async with engine.connect() as connection:
            values = await taken.values(connection, SCOPE.tenant_id, contact.contact_id)
        waiting = {one.field: (one.kept, one.overruled) for one in await log(engine, contact) if one.state == "waiting"}
        plain = replace(end, contact_id="", version=0, updated_at=None)
        ends.append((plain, values, waiting))
    assert ends[0] == ends[1]
    end, values, waiting = ends[0]
    for name in {statement.field for statement in statements}:
        outcome = merge(RULES, [statement for statement in statements if statement.field == name])
        assert values.get(name, "") == outcome.value
        assert (name in waiting) == outcome.waits
        if name == "phones":
            assert end.phones == (outcome.value or ())
        elif name in {"display_name", "language"} and outcome.kept is not None:
            assert getattr(end, name) == outcome.value


async def test_no_more_is_kept_than_the_merge_needs(engine: AsyncEngine, taken: Statements) -> None:
    contact = await a_contact(engine)
    statements = [said("display_name", "hubspot", f"Sarah {n}", n) for n in range(8)]
    for statement in statements:
        await take(engine, taken, contact, [statement])
    async with engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(conflict_tables.statements)
        assert (await connection.execute(count)).scalar_one() == len(retain(RULES, statements)) == 2


async def test_statements_at_once_are_all_taken(engine: AsyncEngine, taken: Statements) -> None:
    contact = await a_contact(engine)
    statements = [said("phones", f"vendor-{n}", (f"+1555000000{n}",), n) for n in range(6)]
    await asyncio.gather(*(take(engine, taken, contact, [statement]) for statement in statements))
    end = await now(engine, contact)
    assert sorted(end.phones) == [f"+1555000000{n}" for n in range(6)]
    assert end.version == 7


async def test_a_disagreement_is_written_down_once_and_announced(engine: AsyncEngine, taken: Statements) -> None:
    contact = await a_contact(engine)
    await take(engine, taken, contact, [said("display_name", "console", "Sarah", 1)])
    for at in (2, 3, 3):
        await take(engine, taken, contact, [said("display_name", "hubspot", "Sara", at)])
    assert (await now(engine, contact)).display_name == "Sarah"
    (entry,) = await log(engine, contact)
    assert (entry.field, entry.state, entry.rules_version) == ("display_name", "settled", "default/1")
    assert entry.kept is not None
    assert (entry.kept.source, entry.kept.value) == ("console", "Sarah")
    assert [(o.statement.source, o.statement.value, o.because) for o in entry.overruled] == [
        ("hubspot", "Sara", "priority")
    ]
    assert await announced(engine, "ConflictDetected") == 1


async def test_what_waits_is_one_row_a_field_and_ends_when_the_sources_agree(
    engine: AsyncEngine, taken: Statements
) -> None:
    contact = await a_contact(engine)
    await take(engine, taken, contact, [said("customer_id", "hubspot", "c-1", 1)])
    await take(engine, taken, contact, [said("customer_id", "salesforce", "c-2", 2)])
    await take(engine, taken, contact, [said("customer_id", "salesforce", "c-2", 3)])
    (entry,) = await log(engine, contact)
    assert (entry.state, entry.version) == ("waiting", 1)
    await take(engine, taken, contact, [said("customer_id", "pipedrive", "c-3", 4)])
    (entry,) = await log(engine, contact)
    assert (entry.state, entry.version, len(entry.overruled)) == ("waiting", 2, 2)
    end = await take(
        engine, taken, contact, [said("customer_id", name, "c-1", 5) for name in ("salesforce", "pipedrive")]
    )
    assert end.customer_id == "c-1"
    (entry,) = await log(engine, contact)
    assert (entry.state, entry.version) == ("settled", 3)


async def test_a_customer_id_stays_with_who_has_it(engine: AsyncEngine, taken: Statements) -> None:
    await a_contact(engine, customer_id="c-1")
    contact = await a_contact(engine)
    end = await take(engine, taken, contact, [said("customer_id", "hubspot", "c-1", 1)])
    assert end.customer_id == ""
    (entry,) = await log(engine, contact)
    assert (entry.state, entry.overruled[0].because) == ("waiting", "taken")


async def test_what_was_known_before_counts_less_than_a_vendor_and_more_than_a_call(
    engine: AsyncEngine, taken: Statements
) -> None:
    contact = await a_contact(engine, display_name="Sarah", phones=("+15550000001",))
    kept = await take(
        engine, taken, contact, [said("display_name", "call", "Sara", 1), said("phones", "call", ("+15550000009",), 1)]
    )
    assert (kept.display_name, kept.phones, kept.version) == ("Sarah", ("+15550000001",), 1)
    changed = await take(engine, taken, contact, [said("display_name", "hubspot", "Sarah Miller", 2)])
    assert (changed.display_name, changed.version) == ("Sarah Miller", 2)


async def test_another_tenants_contact_is_not_there(engine: AsyncEngine, taken: Statements) -> None:
    contact = await a_contact(engine)
    other, mine = replace(SCOPE, tenant_id="shop"), [said("display_name", "hubspot", "Mine", 1)]
    async with transaction(engine) as connection:
        with pytest.raises(ContactNotFoundError):
            await taken.take(connection, other, contact, mine)


async def test_a_value_a_business_system_only_repeats_is_no_change(engine: AsyncEngine, taken: Statements) -> None:
    contact = await a_contact(engine)
    changes = ChangesOnly(taken)

    async def told(at: int, **values: Value) -> Contact:
        every = [said(name, "hubspot", value, at) for name, value in values.items()]
        async with transaction(engine) as connection:
            return await changes.take(connection, SCOPE, contact, every)

    await told(1, display_name="Sara", phones=("+15550000001",), emails=())
    await take(engine, taken, contact, [said("phones", "console", ("+15550000009",), 2)])
    repeated = await told(3, display_name="Sarah", phones=("+15550000001",), emails=())
    assert (repeated.display_name, repeated.phones) == ("Sarah", ("+15550000009",))
    changed = await told(4, phones=("+15550000001", "+15550000002"))
    assert changed.phones == ("+15550000009", "+15550000001", "+15550000002")
    assert (await told(5, display_name="SARAH")).display_name == "SARAH"
    gone = await told(6, phones=())
    assert gone.phones == ("+15550000009",)
    async with engine.connect() as connection:
        count = sa.select(sa.func.count()).where(conflict_tables.statements.c.field == "emails")
        assert (await connection.execute(count)).scalar_one() == 0
