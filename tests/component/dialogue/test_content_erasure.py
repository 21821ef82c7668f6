"""A contact is forgotten by the dialogue: words, content, outcome and who it was; nobody else is."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.call_store import END, INFO, CallStore, make_call, state
from obstore.store import MemoryStore
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh.content import ContentAwayError, ContentStore, open_keys
from mesh.durations import to_timestamp
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.content.erasure import Erasures
from services.dialogue.content.filing import Filing
from services.dialogue.content.tables import CONTENTS, ERASURES

CALLS = {
    "known": ("contact-7", "", ""),
    "by-phone": ("", "", "+15555550123"),
    "by-customer": ("", "cust-9", "+15550000000"),
    "family": ("contact-8", "", "+15555550123"),
    "stranger": ("", "cust-1", "+15551111111"),
}


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(MemoryStore(), open_keys("", tmp_path / "keys.json"))


@pytest.fixture
async def calls(store: CallStore, contents: ContentStore) -> CallStore:
    """Calls of two contacts who share a number, and of a stranger; all over but one."""
    filing = Filing(store.engine, contents)
    async with recorder(Outbox(store.engine, OUTBOX), "me", filing=filing) as made:
        of_store = CallStore(store.engine, made)
        for name, (contact, customer, phone) in CALLS.items():
            call = await make_call(
                of_store, replace(INFO, session_id=name, customer_id=customer, phone=phone, correlation_id=name)
            )
            if contact:
                call.identified(contact, "Sarah")
            await call.spoke("a8", "Goodbye.", state())
            await call.ended(END, None, None)
        on = await make_call(of_store, replace(INFO, session_id="on", correlation_id="on", phone=""))
        on.identified("contact-7", "Sarah")
        await on.spoke("a8", "One moment.", state())
    await filing.upload()
    await publish(store)
    return store


async def publish(store: CallStore, session_id: str = "") -> None:
    """Let the events that wait be published, as the relay would: all, or those of a call."""
    async with store.engine.begin() as connection:
        statement = OUTBOX.update().values(published_at=datetime.now(UTC))
        await connection.execute(statement.where(OUTBOX.c.correlation_id == session_id) if session_id else statement)


def erasures(store: CallStore, contents: ContentStore) -> Erasures:
    return Erasures(store.engine, Outbox(store.engine, OUTBOX), contents, "eu")


def requested() -> ErasureRequested:
    context = EventContext(
        event_id="e-1",
        tenant_id="acme",
        region="eu",
        correlation_id="x",
        language="en-US",
        occurred_at=to_timestamp(datetime.now(UTC)),
    )
    return ErasureRequested(
        context=context, erasure_id="e-1", contact_ids=["contact-7"], customer_ids=["cust-9"], phones=["+15555550123"]
    )


async def completed(store: CallStore) -> list[ErasureCompleted]:
    rows = await store.rows(OUTBOX)
    return [ErasureCompleted.FromString(row["payload"]) for row in rows if row["type"].endswith("ErasureCompleted")]


async def end_the_call_that_is_on(store: CallStore) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(
            SESSIONS.update().where(SESSIONS.c.session_id == "on").values(ended_at=datetime.now(UTC), summary="Sarah")
        )


async def test_the_contact_s_calls_are_forgotten_and_no_others(calls: CallStore, contents: ContentStore):
    erase = erasures(calls, contents)
    await erase.on_requested(requested(), None)
    await erase.on_requested(requested(), None)
    assert await erase.work() == 1, "a call of theirs is on"
    assert await completed(calls) == []
    await end_the_call_that_is_on(calls)
    assert await erase.work() == 0
    sessions = {row["session_id"]: row for row in await calls.rows(SESSIONS)}
    for name in ("known", "by-phone", "by-customer", "on"):
        row = sessions[name]
        assert (row["contact_id"], row["customer_id"], row["phone"], row["summary"], row["outcome"]) == (
            *("", "", "", ""),
            None,
        ), name
    assert sessions["family"]["summary"]
    assert sessions["stranger"]["customer_id"] == "cust-1"
    texts = {(row["session_id"], row["text"] != "", row["entities"] is None) for row in await calls.rows(TURNS)}
    assert ("known", True, True) not in texts
    assert ("stranger", True, True) in texts
    left = [found.path.split("/")[2] async for found in contents.stored("acme")]
    assert sorted(left) == ["family", "stranger"]
    assert sorted(row["session_id"] for row in await calls.rows(CONTENTS)) == ["family", "stranger"]
    [told] = await completed(calls)
    assert (told.erasure_id, told.service) == ("e-1", "dialogue")
    assert dict(told.counts) == {"sessions": 4, "turns": 12, "transcripts": 3, "events": 25}
    assert {row["correlation_id"] for row in await calls.rows(OUTBOX)} == {"family", "stranger", "x"}
    [row] = await calls.rows(ERASURES)
    assert row["subject"] is None, "whom it concerned is forgotten too"
    assert await erase.work() == 0
    assert len(await completed(calls)) == 1


async def test_an_erasure_that_was_cut_off_is_finished_by_the_next_process(
    calls: CallStore, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    await end_the_call_that_is_on(calls)
    first = erasures(calls, contents)
    await first.on_requested(requested(), None)
    forget, done = first._forget, []

    async def dies(*args):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(args)
        await forget(*args)

    monkeypatch.setattr(first, "_forget", dies)
    with pytest.raises(KeyboardInterrupt):
        await first.work()
    assert await erasures(calls, contents).work() == 0
    [told] = await completed(calls)
    assert told.counts["sessions"] == 4
    assert told.counts["transcripts"] == 3


async def test_a_call_whose_events_wait_to_be_told_is_not_forgotten_before(calls: CallStore, contents: ContentStore):
    """Told afterwards, they would bring the contact back into the business systems."""
    await end_the_call_that_is_on(calls)
    async with calls.engine.begin() as connection:
        await connection.execute(OUTBOX.update().where(OUTBOX.c.correlation_id == "known").values(published_at=None))
    erase = erasures(calls, contents)
    await erase.on_requested(requested(), None)
    assert await erase.work() == 1
    assert {row["session_id"] for row in await calls.rows(SESSIONS) if row["summary"]} >= {"known"}
    await publish(calls, "known")
    assert await erase.work() == 0


async def test_two_processes_at_once_count_each_call_once(calls: CallStore, contents: ContentStore):
    await end_the_call_that_is_on(calls)
    first, second = erasures(calls, contents), erasures(calls, contents)
    await first.on_requested(requested(), None)
    [erasure] = await calls.rows(ERASURES)
    for session in await first._sessions(erasure):
        await first._forget(erasure, session)
        await second._forget(erasure, session)
    await first.work()
    [told] = await completed(calls)
    assert told.counts["sessions"] == 4


async def test_a_store_that_is_away_leaves_the_erasure_open(
    calls: CallStore, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    await end_the_call_that_is_on(calls)
    erase = erasures(calls, contents)
    await erase.on_requested(requested(), None)

    async def away(*_):
        raise ContentAwayError("away")

    monkeypatch.setattr(contents, "delete_under", away)
    with pytest.raises(ContentAwayError):
        await erase.work()
    assert await completed(calls) == []
    monkeypatch.undo()
    assert await erase.work() == 0


async def test_a_transcript_that_reaches_the_store_behind_the_erasure_is_taken_back(
    calls: CallStore, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    await end_the_call_that_is_on(calls)
    [waiting] = [row for row in await calls.rows(CONTENTS) if row["session_id"] == "known"]
    async with calls.engine.begin() as connection:
        await connection.execute(CONTENTS.update().where(CONTENTS.c.session_id == "known").values(body=b"{}"))
    filing, delete_under = Filing(calls.engine, contents), contents.delete_under

    async def delete_and_then_it_comes(tenant_id: str, folder: str) -> int:
        count = await delete_under(tenant_id, folder)
        if folder.startswith("transcripts/") and folder.endswith("/known"):
            await filing._upload(waiting | {"body": b"{}"})
        return count

    monkeypatch.setattr(contents, "delete_under", delete_and_then_it_comes)
    erase = erasures(calls, contents)
    await erase.on_requested(requested(), None)
    assert await erase.work() == 0
    left = [found.path.split("/")[2] async for found in contents.stored("acme")]
    assert sorted(left) == ["family", "stranger"]
    [told] = await completed(calls)
    assert told.counts["transcripts"] == 3


async def test_nothing_is_filed_of_a_call_that_was_erased(calls: CallStore, contents: ContentStore):
    await end_the_call_that_is_on(calls)
    erase = erasures(calls, contents)
    await erase.on_requested(requested(), None)
    await erase.work()
    async with calls.engine.begin() as connection:
        assert await Filing(calls.engine, contents).file(connection, "known") is None
    assert "known" not in {row["session_id"] for row in await calls.rows(CONTENTS)}


async def test_another_tenant_s_contact_of_the_same_id_stays(calls: CallStore, contents: ContentStore):
    erase = erasures(calls, contents)
    event = requested()
    event.context.tenant_id = "other"
    await erase.on_requested(event, None)
    assert await erase.work() == 0
    [told] = await completed(calls)
    assert dict(told.counts) == {}
