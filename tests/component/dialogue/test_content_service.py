"""What was said is handed out to those who may see it; whoever asks is written down."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import grpc
import obstore
import pytest
from fakes.call_store import END, CallStore, make_call
from obstore.store import MemoryStore
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.content.v1 import content_service_pb2 as pb
from voicemesh.content.v1.content_service_pb2_grpc import (
    ContentServiceStub,
    add_ContentServiceServicer_to_server,
)
from voicemesh.events.v1.privacy_events_pb2 import ContentAccessed

from mesh.config import ServiceSettings
from mesh.content import ContentAwayError, ContentStore, open_keys
from mesh.database import database, migrate, sqlite_url
from mesh.errors import from_rpc_error
from mesh.outbox import Outbox
from mesh.serving import Runtime
from mesh.testing import serve
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX
from services.dialogue.content.access import ContentAccess
from services.dialogue.content.filing import Filing, add_content
from services.dialogue.content.servicer import ContentServicer
from services.dialogue.content.tables import ACCESSES, CONTENTS
from services.dialogue.model import Content

WHO = (("voicemesh-principal", "ana@acme"), ("voicemesh-purpose", quote("complaint 17, señor")))
CONTEXT = RequestContext(tenant_id="acme", region="eu", correlation_id="c-1", language="en-US")
RECORDING = "content:///recordings/2026-01-31/s1/c1.wav"


@dataclass
class World:
    stub: ContentServiceStub
    store: CallStore
    objects: MemoryStore
    uri: str = ""

    async def log(self) -> list[dict]:
        return await self.store.rows(ACCESSES)


@contextlib.asynccontextmanager
async def serving(store: CallStore, tmp_path: Path, **settings: object) -> AsyncIterator[World]:
    objects = MemoryStore()
    contents = ContentStore(objects, open_keys("", tmp_path / "keys.json"))
    filing = Filing(store.engine, contents)
    outbox = Outbox(store.engine, OUTBOX)
    async with recorder(outbox, "me", filing=filing) as made:
        call = await make_call(CallStore(store.engine, made))
        end = await call.ended(END, None, None)
    await filing.upload()

    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        servicer = ContentServicer(ContentAccess(store.engine, outbox, contents))
        runtime.add_servicer(
            add_ContentServiceServicer_to_server, servicer, pb.DESCRIPTOR.services_by_name["ContentService"]
        )

    async with (
        serve(build, ServiceSettings(**settings), service="dialogue") as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        yield World(ContentServiceStub(channel), store, objects, end.transcript.uri)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    """One database is enough here: what differs between two is tested with what is filed and erased."""
    url = sqlite_url(tmp_path / "dialogue.db")
    await migrate(url, "services.dialogue")
    async with database(url) as engine, recorder(Outbox(engine, OUTBOX), "me") as made:
        yield CallStore(engine, made)


@pytest.fixture
async def world(store: CallStore, tmp_path: Path) -> AsyncIterator[World]:
    async with serving(store, tmp_path) as running:
        yield running


async def refused(call) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return str(from_rpc_error(error.value))


async def test_who_may_see_it_gets_it_and_is_written_down(world: World):
    answer = await world.stub.GetContent(pb.GetContentRequest(context=CONTEXT, uri=world.uri), metadata=WHO)
    assert json.loads(answer.data)["turns"][0]["text"] == "My number is [phone] thanks"
    assert answer.content.reference.size == len(answer.data)
    [row] = await world.log()
    assert (row["principal"], row["purpose"], row["action"], row["scope"], row["granted"], row["reason"]) == (
        *("ana@acme", "complaint 17, señor", "get", "content:transcript"),
        *(True, ""),
    )
    assert (row["uri"], row["session_id"], row["correlation_id"]) == (world.uri, "s1", "c-1")
    events = [row for row in await world.store.rows(OUTBOX) if row["type"].endswith(".ContentAccessed")]
    told = ContentAccessed.FromString(events[0]["payload"])
    assert (told.context.event_id, told.principal, told.granted) == (row["access_id"], "ana@acme", True)


async def test_nobody_in_particular_gets_nothing(world: World):
    request = pb.GetContentRequest(context=CONTEXT, uri=world.uri)
    for metadata in ((), WHO[:1], WHO[1:], (("voicemesh-principal", "a b"), WHO[1])):
        assert (await refused(world.stub.GetContent(request, metadata=metadata))).startswith("UNAUTHENTICATED")
    assert [(row["principal"], row["granted"], row["reason"]) for row in await world.log()] == [
        ("", False, "UNAUTHENTICATED")
    ] * 4


async def test_recordings_take_a_scope_that_nobody_has_unless_it_is_given(world: World):
    request = pb.GetContentRequest(context=CONTEXT, uri=RECORDING)
    assert "content:audio" in await refused(world.stub.GetContent(request, metadata=WHO))
    [row] = await world.log()
    assert (row["granted"], row["reason"], row["uri"]) == (False, "PERMISSION_DENIED", RECORDING)


async def test_recordings_for_those_who_may_hear_them(store: CallStore, tmp_path: Path):
    async with serving(store, tmp_path, local_scopes="content:audio") as world:
        content = Content(RECORDING, "", "audio/wav", 3, "c1")
        async with store.engine.begin() as connection:
            await add_content(connection, "s1", "recording", content, body=b"wav")
        request = pb.GetContentRequest(context=CONTEXT, uri=RECORDING)
        assert (await world.stub.GetContent(request, metadata=WHO)).data == b"wav"
        listing = world.stub.ListContent(pb.ListContentRequest(context=CONTEXT, session_id="s1"), metadata=WHO)
        assert "content:list" in await refused(listing)


async def test_another_tenant_s_content_is_not_there(world: World):
    other = RequestContext(tenant_id="other", region="eu", correlation_id="c-1", language="en-US")
    request = pb.GetContentRequest(context=other, uri=world.uri)
    assert (await refused(world.stub.GetContent(request, metadata=WHO))).startswith("NOT_FOUND")
    assert [row["tenant_id"] for row in await world.log()] == ["other"]


@pytest.mark.parametrize("uri", ["content:///../x", "http://x", "content:///transcripts/x", "content:///keys/a/b/c"])
async def test_what_is_no_address_is_refused(world: World, uri: str):
    request = pb.GetContentRequest(context=CONTEXT, uri=uri)
    assert (await refused(world.stub.GetContent(request, metadata=WHO))).startswith("INVALID_REQUEST")
    assert [(row["principal"], row["uri"], row["reason"]) for row in await world.log()] == [
        ("ana@acme", uri, "INVALID_REQUEST")
    ]


async def test_what_nobody_foresaw_is_written_down_too(world: World, monkeypatch: pytest.MonkeyPatch):
    async def fails(*_: object) -> bytes:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(ContentStore, "get", fails)
    request = pb.GetContentRequest(context=CONTEXT, uri=world.uri)
    assert (await refused(world.stub.GetContent(request, metadata=WHO))).startswith("INTERNAL")
    [row] = await world.log()
    assert (row["principal"], row["uri"], row["reason"]) == ("ana@acme", world.uri, "INTERNAL")


async def test_tampered_and_missing_content_are_told_apart(world: World):
    path = f"acme/{world.uri.removeprefix('content:///')}"
    request = pb.GetContentRequest(context=CONTEXT, uri=world.uri)
    obstore.put(world.objects, path, bytes(obstore.get(world.objects, path).bytes())[:-1] + b"x")
    assert (await refused(world.stub.GetContent(request, metadata=WHO))).startswith("CONTENT_UNREADABLE")
    obstore.delete(world.objects, path)
    assert (await refused(world.stub.GetContent(request, metadata=WHO))).startswith("NOT_FOUND")
    wrong = pb.GetContentRequest(context=CONTEXT, uri=world.uri, sha256="0" * 64)
    assert "hash" in await refused(world.stub.GetContent(wrong, metadata=WHO))
    assert [row["reason"] for row in await world.log()] == ["CONTENT_UNREADABLE", "NOT_FOUND", "CONTENT_UNREADABLE"]


async def test_what_is_deleted_is_gone(world: World):
    request = pb.DeleteContentRequest(context=CONTEXT, session_id="s1")
    deleted = (await world.stub.DeleteContent(request, metadata=WHO)).references
    assert [reference.uri for reference in deleted] == [world.uri]
    assert await world.store.rows(CONTENTS) == []
    assert obstore.list(world.objects).collect() == []
    assert (await world.stub.DeleteContent(request, metadata=WHO)).references == []
    nobody_s = pb.DeleteContentRequest(context=CONTEXT, session_id="s9")
    assert (await refused(world.stub.DeleteContent(nobody_s, metadata=WHO))).startswith("NOT_FOUND")
    assert [row["reason"] for row in await world.log()] == ["", "", "NOT_FOUND"]


async def test_a_deletion_is_written_down_before_it_is_done(world: World, monkeypatch: pytest.MonkeyPatch):
    seen = []

    async def away(*_: object) -> int:
        seen.extend(row["reason"] for row in await world.log())
        raise ContentAwayError("away")

    monkeypatch.setattr(ContentStore, "delete_under", away)
    request = pb.DeleteContentRequest(context=CONTEXT, session_id="s1")
    assert (await refused(world.stub.DeleteContent(request, metadata=WHO))).startswith("DEPENDENCY_UNAVAILABLE")
    assert seen == [""], "the row comes first"
    assert [row["reason"] for row in await world.log()] == ["", "DEPENDENCY_UNAVAILABLE"]
    monkeypatch.undo()
    await world.stub.DeleteContent(request, metadata=WHO)
    assert obstore.list(world.objects).collect() == []


async def test_the_log_is_read_in_pages_and_reading_it_is_logged(world: World):
    request = pb.ListContentRequest(context=CONTEXT, session_id="s1")
    for _ in range(5):
        await world.stub.ListContent(request, metadata=WHO)
    seen, token = [], ""
    while True:
        page = await world.stub.ListContentAccesses(
            pb.ListContentAccessesRequest(context=CONTEXT, session_id="s1", page_size=2, page_token=token), metadata=WHO
        )
        seen += [access.action for access in page.accesses]
        token = page.next_page_token
        if not token:
            break
    assert seen == ["list"] * 5, "the log's own entries came after each page"
    bad = pb.ListContentAccessesRequest(context=CONTEXT, page_token="?")
    assert (await refused(world.stub.ListContentAccesses(bad, metadata=WHO))).startswith("INVALID_REQUEST")
    assert [row["reason"] for row in await world.log()][-1] == "INVALID_REQUEST"


async def test_content_the_store_has_not_taken_yet_is_handed_out(store: CallStore, tmp_path: Path):
    async with serving(store, tmp_path) as world:
        async with store.engine.begin() as connection:
            await connection.execute(CONTENTS.update().values(body=b"{}"))
        request = pb.GetContentRequest(context=CONTEXT, uri=world.uri)
        assert (await world.stub.GetContent(request, metadata=WHO)).data == b"{}"
