"""What callers' turns sound like is kept where that is wanted, beside the call and after it."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.background import running
from fakes.call_store import END, HEARD, INFO, UNDERSTOOD, CallStore, make_call
from obstore.store import MemoryStore
from voicemesh.events.v2.call_completed_pb2 import CallCompleted

from mesh.content import ContentAwayError, ContentStore, open_keys
from mesh.database import database, migrate, sqlite_url, transaction
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX
from services.dialogue.content.filing import Filing, drop_contents
from services.dialogue.content.recordings import Recordings
from services.dialogue.content.tables import CONTENTS
from services.dialogue.model import AudioFormat

FORM = AudioFormat("pcm16", 8000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    """One database is enough here: what differs between two is tested with what is filed and erased."""
    url = sqlite_url(tmp_path / "dialogue.db")
    await migrate(url, "services.dialogue")
    async with database(url) as engine, recorder(Outbox(engine, OUTBOX), "me") as made:
        yield CallStore(engine, made)


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(MemoryStore(), open_keys("", tmp_path / "keys.json"))


@pytest.fixture
async def kept(store: CallStore, contents: ContentStore) -> AsyncIterator[tuple[CallStore, Recordings]]:
    recordings, filing = Recordings(store.engine, contents), Filing(store.engine, contents)
    outbox = Outbox(store.engine, OUTBOX)
    async with recorder(outbox, "me", filing=filing, recordings=recordings) as made, running(recordings.run()):
        yield CallStore(store.engine, made), recordings


async def spoken(store: CallStore) -> object:
    """A call whose caller speaks for three seconds, one of them the turn."""
    call = await make_call(store)
    tape = call.tape(FORM, 0.0)
    tape.add(bytes(3 * FORM.bytes_per_second))
    await call.turn("c2", HEARD, UNDERSTOOD)
    return call


async def test_a_turn_s_recording_is_filed_and_its_call_s_event_says_where(kept, contents: ContentStore):
    store, _ = kept
    call = await spoken(store)
    end = await call.ended(END, None, None)
    rows = {row["type"]: row["payload"] for row in await store.rows(OUTBOX)}
    [told] = CallCompleted.FromString(rows["voicemesh.events.v2.CallCompleted"]).recordings
    assert told.turn_id == end.recordings[0].turn_id == "c2"
    data = await contents.get("acme", told.audio.uri, told.audio.sha256)
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnframes() == int(1.4 * 8000), "the turn of a second and a little around it"


async def test_a_store_that_is_away_costs_the_recording_and_not_the_call(
    kept, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    store, recordings = kept
    tries = []

    async def away(*args):
        tries.append(args)
        raise ContentAwayError("away")

    monkeypatch.setattr(contents, "put", away)
    call = await spoken(store)
    end = await call.ended(END, None, None)
    assert end.recordings == ()
    assert len(tries) == 3
    assert not recordings._open
    assert [row["kind"] for row in await store.rows(CONTENTS)] == ["transcript"]


async def test_a_recording_on_its_way_while_its_call_is_erased_is_taken_back(
    kept, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
):
    store, recordings = kept
    put, reached, erased = contents.put, asyncio.Event(), asyncio.Event()

    async def slow(*args):
        reached.set()
        await erased.wait()
        return await put(*args)

    monkeypatch.setattr(contents, "put", slow)
    await spoken(store)
    async with asyncio.timeout(60):
        await reached.wait()
        async with transaction(store.engine) as connection:
            await drop_contents(connection, "acme", INFO.session_id)
        erased.set()
        await recordings.settled(INFO.session_id, 60)
    assert not recordings._open
    assert [found async for found in contents.stored("acme")] == []
    assert await store.rows(CONTENTS) == []


async def test_more_than_may_wait_is_lost_and_a_call_waits_for_its_own_alone(store: CallStore, contents: ContentStore):
    recordings = Recordings(store.engine, contents)
    written = asyncio.get_running_loop().create_future()
    written.set_result(None)
    for number in range(70):
        recordings.offer("acme", INFO.session_id, f"c{number}", b"", written)
    assert recordings._open[INFO.session_id] == 64
    await recordings.settled("another", 60)
    await recordings.settled(INFO.session_id, 0)
    async with asyncio.timeout(60), running(recordings.run()):
        await recordings.settled(INFO.session_id, 60)
    assert not recordings._open
