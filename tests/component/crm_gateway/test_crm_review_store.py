"""A decision is done wholly or not at all."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.database import database, migrate
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.adapters.store import ReviewStore
from services.crm_gateway.review.escrow import Doubt, Escrow
from services.crm_gateway.review.model import Decision, WrongStateError
from services.crm_gateway.vendors.local import LocalCrm

NOW = datetime.now(UTC)
RULES = load_rules(None)
ANA = Decision("ana", NOW)
RECORD = NewRecord(
    event_id="e1",
    scope=Scope("clinic", "eu", "corr-1", "en-US", "s1"),
    customer=Customer(),
    kind="appointment",
    state=RecordState.DRAFT,
    title="cleaning",
    open=True,
    occurred_at=NOW,
    fields={"service": "cleaning"},
    escrow=Escrow((Doubt("service", "cleaning", 0.2, 0.5),), {"service": "text"}),
)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield engine


async def made(engine: AsyncEngine, vendor: str, *, record: NewRecord = RECORD) -> Outbox:
    outbox = Outbox(engine, tables.outbox)
    async with outbox.transaction() as connection:
        assert await Drafts(outbox).make(connection, record, None, vendor=vendor, trace={})
    return outbox


async def rows(engine: AsyncEngine) -> tuple[str, int, int, int]:
    """State and version of the draft, how many steps it has, how many events wait."""
    async with engine.connect() as connection:
        draft = (await connection.execute(sa.select(drafts))).one()
        steps = (await connection.execute(sa.select(sa.func.count()).select_from(draft_steps))).scalar_one()
        events = (await connection.execute(sa.select(sa.func.count()).select_from(tables.outbox))).scalar_one()
        return draft.state, draft.version, steps, events


@pytest.mark.parametrize("vendor", ["simulator", "local"])
async def test_where_the_business_system_has_no_draft_nothing_changes(engine: AsyncEngine, vendor: str) -> None:
    store = ReviewStore(engine, await made(engine, vendor), RULES)
    for decide in (store.accept, store.reject):
        with pytest.raises(WrongStateError, match=f"{vendor} has no draft 1"):
            await decide("clinic", 1, ANA)
    assert await rows(engine) == ("draft", 1, 1, 1)


async def test_the_same_event_waits_once_for_each_business_system(engine: AsyncEngine) -> None:
    outbox = await made(engine, "simulator")
    async with outbox.transaction() as connection:
        assert not await Drafts(outbox).make(connection, RECORD, None, vendor="simulator", trace={})
    assert await rows(engine) == ("draft", 1, 1, 1)
    with pytest.raises(ValueError, match="only what is doubtful"):
        await made(engine, "webhook", record=replace(RECORD, state=RecordState.APPLIED))


async def test_a_decision_that_cannot_be_written_down_is_not_done(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = await made(engine, "local")
    async with outbox.transaction() as connection:
        await LocalCrm().write(RECORD, None, connection)

    async def away(*_: object) -> bool:
        raise OSError("the disk is full")

    monkeypatch.setattr(outbox, "add", away)
    with pytest.raises(OSError, match="full"):
        await ReviewStore(engine, outbox, RULES).accept("clinic", 1, ANA, {"service": "check"})
    monkeypatch.undo()
    assert await rows(engine) == ("draft", 1, 1, 1)
    async with engine.connect() as connection:
        record = (await connection.execute(sa.select(tables.records))).one()
        assert (record.state, record.fields) == ("draft", {"service": "cleaning"})
    await ReviewStore(engine, outbox, RULES).accept("clinic", 1, ANA, {"service": "check"})
    # DraftMade, then DraftReviewed, DraftApplied and RecordWritten together.
    assert await rows(engine) == ("applied", 3, 3, 4)
