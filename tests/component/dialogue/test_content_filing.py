"""A call's transcript goes to the content store, once, whatever dies or is away meanwhile."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.call_store import END, INFO, POLICY, CallStore, looks, lose, make_call, state
from obstore.store import MemoryStore
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v2.call_completed_pb2 import CallCompleted as CallCompletedV2

from mesh.content import ContentAwayError, ContentStore, open_keys
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import Recorder, recorder
from services.dialogue.adapters.records import stored_call
from services.dialogue.adapters.recovery import Recovery
from services.dialogue.adapters.store import OUTBOX, SESSIONS
from services.dialogue.content.filing import Filing
from services.dialogue.content.tables import CONTENTS


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(MemoryStore(), open_keys("", tmp_path / "keys.json"))


@pytest.fixture
async def filed(store: CallStore, contents: ContentStore):
    """The same database with a recorder that files; nothing is uploaded unless a test does it."""
    filing = Filing(store.engine, contents)
    async with recorder(Outbox(store.engine, OUTBOX), "me", filing=filing) as made:
        yield CallStore(store.engine, made), filing


async def completed(store: CallStore) -> tuple[CallCompleted, CallCompletedV2]:
    rows = {row["type"]: row["payload"] for row in await store.rows(OUTBOX)}
    return (
        CallCompleted.FromString(rows["voicemesh.events.v1.CallCompleted"]),
        CallCompletedV2.FromString(rows["voicemesh.events.v2.CallCompleted"]),
    )


async def test_a_call_s_transcript_is_filed_and_its_event_says_where(filed, contents: ContentStore):
    store, filing = filed
    end = await (await make_call(store)).ended(END, state(), 0.2)
    assert await filing.upload() == 1
    assert await filing.upload() == 0
    first, second = await completed(store)
    assert first.transcript_reference == second.transcript.uri == end.transcript.uri
    data = await contents.get("acme", second.transcript.uri, second.transcript.sha256)
    assert len(data) == second.transcript.size
    document = json.loads(data)
    assert [(turn["speaker"], turn["text"]) for turn in document["turns"]] == [
        ("caller", "My number is [phone] thanks"),
        ("agent", "Booked."),
    ]
    caller = document["turns"][0]
    assert (caller["start_s"], caller["end_s"], caller["intent"]) == (1.0, 2.0, "inform")
    row = (await store.rows(CONTENTS))[0]
    assert row["body"] is None
    assert (row["tenant_id"], row["region"], row["correlation_id"], row["language"]) == ("acme", "eu", "corr", "en-US")


async def test_a_process_that_dies_before_the_store_has_it_leaves_it_to_the_next(
    filed, store: CallStore, contents: ContentStore
):
    first, _ = filed
    end = await (await make_call(first)).ended(END, None, None)
    next_process = Filing(store.engine, contents)
    assert await next_process.upload() == 1
    assert await contents.get("acme", end.transcript.uri, end.transcript.sha256)


async def test_a_call_whose_process_died_has_one_transcript_too(filed, contents: ContentStore):
    store, filing = filed
    await make_call(store)
    await lose(store)
    assert await looks(*(Recovery(store.engine, store.recorder, POLICY, 30) for _ in range(2))) == 1
    await filing.upload()
    assert len(await store.rows(CONTENTS)) == 1
    _, second = await completed(store)
    assert await contents.get("acme", second.transcript.uri, second.transcript.sha256)


async def test_a_call_that_ends_twice_has_one_transcript(filed):
    store, _ = filed
    call = await make_call(store)
    await call.ended(END, None, None)
    await call.ended(END, None, None)
    assert len(await store.rows(CONTENTS)) == 1


async def test_a_call_without_a_word_has_none(filed):
    store, filing = filed
    recorder_: Recorder = store.recorder
    with stored_call(recorder_, INFO) as call:
        await call.started(datetime.now(UTC))
        end = await call.ended(END, None, None)
    assert end.transcript is None
    assert await filing.upload() == 0
    first, second = await completed(store)
    assert first.transcript_reference
    assert not second.transcript.sha256


async def test_a_store_that_is_away_costs_no_outcome_and_gets_it_later(
    filed, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    store, filing = filed
    put, tries = contents.put, []

    async def away_at_first(*args):
        tries.append(args)
        if len(tries) <= 2:
            raise ContentAwayError("away")
        return await put(*args)

    monkeypatch.setattr(contents, "put", away_at_first)
    end = await (await make_call(store)).ended(END, None, None)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(filing.run())
        async with asyncio.timeout(60):
            while (await store.rows(CONTENTS))[0]["body"] is not None:
                await asyncio.sleep(0.02)
        running.cancel()
    assert len(tries) == 3
    assert await contents.get("acme", end.transcript.uri, end.transcript.sha256)


async def test_a_transcript_that_was_erased_on_its_way_is_taken_back(filed, contents: ContentStore):
    store, filing = filed
    await (await make_call(store)).ended(END, None, None)
    row = (await store.rows(CONTENTS))[0]
    async with store.engine.begin() as connection:
        await connection.execute(CONTENTS.delete())
    await filing._upload(row)
    assert [found async for found in contents.stored("acme")] == []


async def test_a_recovered_call_keeps_its_contact(filed):
    store, _ = filed
    call = await make_call(store)
    call.identified("contact-7", "Sarah Miller")
    await call.spoke("a9", "Hello Sarah.", state())
    await lose(store)
    assert (await store.rows(SESSIONS))[0]["contact_id"] == "contact-7"
    await looks(Recovery(store.engine, store.recorder, POLICY, 30))
    first, _ = await completed(store)
    assert first.context.customer.contact_id == "contact-7"
