"""Accompanying a call, through the real server."""

from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from fakes.background import eventually
from fakes.crm_call import call
from fakes.crm_world import World, a_request, an_event_context, settings
from google.protobuf.duration_pb2 import Duration
from voicemesh.common.v1.speech_pb2 import IntentCandidate, Sentiment, Slot
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import CallFact, Contact, ContactKey, LiveCall
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged

from mesh.database import database, sqlite_url, transaction
from mesh.errors import from_rpc_error, name_of
from mesh.testing import serve
from services.crm_gateway.app import build
from services.crm_gateway.session import CallSession

PHONE = "+15550000001"
START = {"start": pb.CallSessionStart(context=a_request())}


async def upsert(stub: CrmServiceStub, tenant_id: str = "clinic", **contact: Any) -> Contact:
    request = pb.UpsertContactRequest(context=a_request(tenant_id), contact=Contact(**contact))
    return (await stub.UpsertContact(request)).contact


async def test_the_context_comes_first_and_again_when_the_contact_changes(stub: CrmServiceStub) -> None:
    made = await upsert(stub, phones=[PHONE], display_name="Sarah")
    async with call(stub, phone=PHONE) as session:
        assert (await session.context()).contact == made
        changed = await upsert(stub, contact_id=made.contact_id, display_name="Sarah Miller")
        assert (await session.context()).contact == changed
        assert await session.end() == []


async def test_a_caller_nobody_knows_has_a_context_without_a_contact(stub: CrmServiceStub) -> None:
    for key in ({"phone": PHONE}, {}):
        async with call(stub, **key) as session:
            context = await session.context()
            assert not context.HasField("contact")
            assert context.HasField("as_of")
            assert not context.stale
            assert await session.end() == []


async def test_what_a_call_leaves_behind_reaches_the_calls_of_its_contact(crm: World) -> None:
    async with call(crm.stub, phone=PHONE) as session, call(crm.stub, "shop", phone=PHONE) as other:
        assert not (await session.context()).HasField("contact")
        assert not (await other.context()).HasField("contact")
        complaint = ComplaintLogged(context=an_event_context("e1", phone=PHONE, name="Sarah"), category="late")
        await crm.publish(complaint)
        context = await session.context()
        assert context.contact.display_name == "Sarah"
        assert [(item.kind, item.title) for item in context.open_items] == [("complaint", "late")]
        assert await other.end() == [], "a tenant hears of its own only"


async def test_facts_that_identify_the_caller_bring_the_context(stub: CrmServiceStub) -> None:
    made = await upsert(stub, customer_id="c-1", display_name="Sarah")
    async with call(stub) as session:
        await session.context()
        await session.learn(intent=IntentCandidate(name="order_status"))
        await session.learn(sentiment=Sentiment(score=-0.5))
        await session.learn(slot=Slot(name="order", type="order_number", value="A4512"))
        await session.learn(identified=ContactKey(customer_id="c-1"), turn_id="t1")
        assert (await session.context()).contact == made
        assert await session.end() == []


async def test_a_number_that_is_said_counts_only_while_nobody_is_known(stub: CrmServiceStub) -> None:
    sarah = await upsert(stub, phones=[PHONE], display_name="Sarah")
    tom = await upsert(stub, phones=["+15550000002"], customer_id="c-2", display_name="Tom")
    async with call(stub) as session:
        await session.context()
        await session.learn(slot=Slot(type="phone", value="nonsense"))
        await session.learn(slot=Slot(type="phone", value=PHONE))
        assert (await session.context()).contact == sarah
        await session.learn(slot=Slot(type="phone", value="+15550000002"))
        await session.learn(identified=ContactKey(customer_id="c-2"))
        assert (await session.context()).contact == tom
        assert await session.end() == []


async def test_a_stale_context_is_shown_at_once_and_then_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path / "crm.db")
    tiny = settings(tmp_path, database_url=url, crm_cache_window_s=0.001)
    async with serve(build, tiny, service="crm") as server, grpc.aio.insecure_channel(server.address) as channel:
        stub = CrmServiceStub(channel)
        made = await upsert(stub, phones=[PHONE], display_name="Sarah")
        async with call(stub, phone=PHONE) as session:
            await session.context()
        async with database(url) as engine, transaction(engine) as connection:
            await connection.execute(sa.text("UPDATE crm_contacts SET display_name = 'Behind the back'"))
        async with call(stub, phone=PHONE) as session:
            shown = await session.context()
            assert (shown.stale, shown.contact.display_name) == (True, "Sarah")
            read = await session.context()
            assert (read.stale, read.contact.display_name) == (False, "Behind the back")
            assert read.contact.contact_id == made.contact_id


async def test_a_store_that_does_not_answer_does_not_hold_the_call_up(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "crm.db")
    async with (
        serve(build, settings(tmp_path, database_url=url), service="crm") as server,
        grpc.aio.insecure_channel(server.address) as channel,
        database(url) as engine,
    ):
        stub = CrmServiceStub(channel)
        made = await upsert(stub, phones=[PHONE], display_name="Sarah")
        async with transaction(engine) as connection:
            await connection.execute(sa.text("ALTER TABLE crm_contacts RENAME TO hidden"))
        async with call(stub, phone=PHONE) as session:
            first = await session.context()
            assert (first.stale, first.HasField("contact")) == (True, False)
            async with transaction(engine) as connection:
                await connection.execute(sa.text("ALTER TABLE hidden RENAME TO crm_contacts"))
            assert (await session.context()).contact == made


async def test_the_language_can_change_on_the_way(stub: CrmServiceStub) -> None:
    made = await upsert(stub, customer_id="c-1", display_name="Sarah")
    async with call(stub) as session:
        await session.context()
        later = a_request(session_id="s1")
        later.language, later.time_zone = "fr-CA", "America/Toronto"
        await session.say(start=pb.CallSessionStart(context=later))
        await session.learn(identified=ContactKey(customer_id="c-1"))
        assert (await session.context()).contact == made
        assert await session.end() == []


async def test_a_context_has_the_place_of_the_last_fact_that_has_one(stub: CrmServiceStub) -> None:
    places = [None, Duration(), None, Duration(seconds=3)]
    for index in range(len(places)):
        await upsert(stub, customer_id=f"c-{index}", display_name=f"Sarah {index}")
    async with call(stub) as session:
        assert not (await session.response()).HasField("audio_offset"), "nothing was learned yet"
        responses = []
        for index, place in enumerate(places):
            await session.learn(identified=ContactKey(customer_id=f"c-{index}"), audio_offset=place)
            responses.append(await session.response())
    found = [response.audio_offset if response.HasField("audio_offset") else None for response in responses]
    assert found == [None, Duration(), Duration(), Duration(seconds=3)]


async def test_what_a_call_learned_is_shown_to_whoever_looks_its_contact_up(stub: CrmServiceStub) -> None:
    await upsert(stub, phones=[PHONE], customer_id="c-1", display_name="Sarah")
    await upsert(stub, customer_id="c-2", display_name="Tom")
    place = Duration(seconds=4)

    async def live(tenant_id: str = "clinic", customer_id: str = "c-1") -> list[LiveCall]:
        request = pb.LookupContactRequest(context=a_request(tenant_id), contact=ContactKey(customer_id=customer_id))
        return list((await stub.LookupContact(request)).caller_context.live_calls)

    assert await live() == []
    async with call(stub, phone=PHONE) as session:
        assert list((await session.context()).live_calls) == [LiveCall(session_id="s1")], "the call itself is one"
        await session.learn(intent=IntentCandidate(name="greet"))
        await session.learn(intent=IntentCandidate(name="order_status", confidence=0.9))
        await session.learn(sentiment=Sentiment(score=-0.5), audio_offset=place)
        wanted = LiveCall(
            session_id="s1",
            intent=IntentCandidate(name="order_status", confidence=0.9),
            sentiment=Sentiment(score=-0.5),
            audio_offset=place,
        )

        async def told() -> bool:
            return await live() == [wanted]

        await eventually(told)
        await upsert(stub, customer_id="c-1", display_name="Sarah Miller")
        assert list((await session.context()).live_calls) == [wanted]
        assert await live(customer_id="c-2") == []
        await session.end()
    assert await live() == []


async def _read_all(stream: Any) -> None:
    async for _ in stream:
        pass


@pytest.mark.parametrize(
    ("requests", "wanted"),
    [
        ([{"fact": CallFact(intent=IntentCandidate(name="x"))}], "PROTOCOL_VIOLATION"),
        ([START, {"start": pb.CallSessionStart(context=a_request("shop"))}], "PROTOCOL_VIOLATION"),
        ([START, {"start": pb.CallSessionStart(context=a_request(session_id="s2"))}], "PROTOCOL_VIOLATION"),
        (
            [START, {"start": pb.CallSessionStart(context=a_request(), contact=ContactKey(phone=PHONE))}],
            "PROTOCOL_VIOLATION",
        ),
        ([{"end": pb.CallSessionEnd()}], "PROTOCOL_VIOLATION"),
        ([{"start": pb.CallSessionStart()}], "INVALID_REQUEST"),
        ([], "CONNECTION_DROPPED"),
        ([{"start": pb.CallSessionStart(context=a_request())}], "CONNECTION_DROPPED"),
    ],
)
async def test_messages_out_of_order_have_their_reason(
    stub: CrmServiceStub, requests: list[dict[str, Any]], wanted: str
) -> None:
    messages = iter([pb.CallSessionRequest(**request) for request in requests])
    stream = stub.CallSession(messages, timeout=20)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _read_all(stream)
    assert name_of(from_rpc_error(caught.value).reason) == wanted


async def test_a_call_that_vanishes_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions: list[CallSession] = []
    original = CallSession.run

    async def run(self: CallSession, learned: Any) -> None:
        sessions.append(self)
        try:
            await original(self, learned)
        finally:
            sessions.remove(self)

    monkeypatch.setattr(CallSession, "run", run)
    async with serve(build, settings(tmp_path), service="crm") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = CrmServiceStub(channel)
            async with call(stub, phone=PHONE) as session:
                await session.context()
                assert len(sessions) == 1
                hub = sessions[0]._hub
                assert len(hub) == 1

        async def gone() -> bool:
            return not sessions and len(hub) == 0

        await eventually(gone)
