"""What is too old goes, whatever refers to it; what is not stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.call_store import END, INFO, CallStore, make_call
from obstore.store import MemoryStore

from mesh.content import ContentStore, open_keys
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.content.filing import Filing
from services.dialogue.content.places import recording_path
from services.dialogue.content.retention import Retention, Sweeper
from services.dialogue.content.tables import ACCESSES, CONTENTS, LEASES

NOW = datetime.now(UTC)
KEPT = Retention(transcripts=timedelta(days=90), recordings=timedelta(days=30), accesses=timedelta(days=365))


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(MemoryStore(), open_keys("", tmp_path / "keys.json"))


async def age(store: CallStore, session_id: str, days: int, **values: datetime) -> None:
    """Let a call have been so many days ago."""
    ago = timedelta(days=days)
    async with store.engine.begin() as connection:
        mine = SESSIONS.c.session_id == session_id
        await connection.execute(SESSIONS.update().where(mine).values(started_at=NOW - ago, **values))
        await connection.execute(TURNS.update().where(TURNS.c.session_id == session_id).values(recorded_at=NOW - ago))


async def file(store: CallStore, contents: ContentStore, session_id: str, days: int) -> None:
    """A call of so many days ago, its transcript and a recording in the store."""
    filing = Filing(store.engine, contents)
    async with recorder(Outbox(store.engine, OUTBOX), "me", filing=filing) as made:
        call = await make_call(CallStore(store.engine, made), replace(INFO, session_id=session_id))
        await CallStore(store.engine, made).written()
        await age(store, session_id, days)
        await call.ended(END, None, None)
    await age(store, session_id, days, ended_at=NOW - timedelta(days=days))
    await filing.upload()
    await contents.put("acme", recording_path(NOW - timedelta(days=days), session_id, "c1"), b"wav", "audio/wav")


async def test_what_is_too_old_goes_and_nothing_else(store: CallStore, contents: ContentStore):
    for name, days in (("new", 1), ("month", 40), ("old", 100)):
        await file(store, contents, name, days)
    sweeper = Sweeper(store.engine, contents, KEPT, "me", 3600)
    counts = await sweeper.sweep(NOW)
    assert counts == {"transcript": 1, "recording": 2, "turn": 2, "session": 1, "access": 0}
    left = sorted([tuple(found.path.split("/")[::2]) async for found in contents.stored("acme")])
    assert left == [("recordings", "new"), ("transcripts", "month"), ("transcripts", "new")]
    assert sorted(row["session_id"] for row in await store.rows(CONTENTS)) == ["month", "new"]
    texts = {row["session_id"]: row["text"] for row in await store.rows(TURNS) if row["speaker"] == "caller"}
    assert texts["old"] == ""
    assert texts["month"] == texts["new"] != ""
    sessions = {row["session_id"]: row for row in await store.rows(SESSIONS)}
    assert (sessions["old"]["phone"], sessions["old"]["summary"], sessions["old"]["outcome"]) == ("", "", None)
    assert sessions["month"]["phone"]
    assert not any((await sweeper.sweep(NOW)).values()), "again it finds nothing"


async def test_labels_and_states_go_too_and_so_do_calls_that_nobody_ended(store: CallStore, contents: ContentStore):
    for name in ("labelled", "stateful", "unended", "on"):
        await file(store, contents, name, 100)
    blank = {
        **dict.fromkeys(("contact_id", "customer_id", "phone", "summary"), ""),
        "outcome": None,
        "appointment": None,
    }
    old = NOW - timedelta(days=100)
    for name, values in {
        "labelled": {**blank, "state": None, "labels": {"campaign": "spring"}},
        "stateful": {**blank, "state": "{}", "labels": {}},
        "unended": {"ended_at": None, "renewed_at": old},
        "on": {"ended_at": None, "renewed_at": NOW},
    }.items():
        async with store.engine.begin() as connection:
            await connection.execute(SESSIONS.update().where(SESSIONS.c.session_id == name).values(**values))
    sweeper = Sweeper(store.engine, contents, KEPT, "me", 3600)
    assert (await sweeper.sweep(NOW))["session"] == 3
    sessions = {row["session_id"]: row for row in await store.rows(SESSIONS)}
    assert [(sessions[name]["labels"], sessions[name]["state"]) for name in ("labelled", "stateful")] == [
        ({}, None)
    ] * 2
    assert (sessions["unended"]["phone"], sessions["on"]["phone"]) == ("", INFO.phone)
    assert (await sweeper.sweep(NOW))["session"] == 0


async def test_objects_that_nobody_refers_to_go_too(store: CallStore, contents: ContentStore):
    orphan = recording_path(NOW - timedelta(days=31), "gone", "c1")
    await contents.put("acme", orphan, b"wav", "audio/wav")
    await contents.put("acme", "recordings/not-a-day/s/c1.wav", b"wav", "audio/wav")
    assert (await Sweeper(store.engine, contents, KEPT, "me", 3600).sweep(NOW))["recording"] == 1
    assert [found.path async for found in contents.stored("acme")] == ["recordings/not-a-day/s/c1.wav"]


async def test_many_rows_go_in_batches_and_one_process_does_it(store: CallStore, contents: ContentStore):
    row = {
        "tenant_id": "acme",
        "region": "eu",
        "correlation_id": "c",
        "language": "en-US",
        "session_id": "",
        "principal": "ana",
        "purpose": "x",
        "action": "log",
        "scope": "",
        "uri": "",
        "granted": True,
        "reason": "",
    }
    old = NOW - timedelta(days=400)
    async with store.engine.begin() as connection:
        many = [{**row, "access_id": str(number), "at": old if number else NOW} for number in range(1_202)]
        await connection.execute(ACCESSES.insert(), many)
    first, second = (Sweeper(store.engine, contents, KEPT, name, 3600) for name in ("one", "two"))
    assert [await first._lease.hold(), await second._lease.hold(), await first._lease.hold()] == [True, False, True]
    assert (await first.sweep(NOW))["access"] == 1_201
    assert len(await store.rows(ACCESSES)) == 1
    assert [row["holder"] for row in await store.rows(LEASES)] == ["one"]
