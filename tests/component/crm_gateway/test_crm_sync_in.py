"""What a business system and the consent service say reaches a call while it is on."""

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from fakes.background import eventually
from fakes.crm_call import Call, call
from fakes.crm_world import World, a_request, an_event_context, settings, sync_settings
from fakes.nats_server import NatsServer, free_port
from fakes.simulator import Simulated, simulator
from pydantic import SecretStr
from voicemesh.crm.v1 import sync_service_pb2
from voicemesh.crm.v1.caller_pb2 import INTENT_STAGE_DONE, INTENT_STAGE_PENDING
from voicemesh.crm.v1.crm_pb2 import CallerContext, Contact
from voicemesh.crm.v1.crm_service_pb2 import UpsertContactRequest
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.crm.v1.sync_pb2 import SyncState
from voicemesh.crm.v1.sync_service_pb2_grpc import SyncServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged, ConsentGranted, ConsentWithdrawn

from mesh import bus as mesh_bus
from mesh.config import ConfigError
from mesh.testing import serve
from services.crm_gateway.app import build
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.simulator.webhooks import Target
from services.crm_gateway.standard_webhooks import ID, SIGNATURE, TIMESTAMP, key_of, sign
from services.crm_gateway.sync.app import build as build_sync

PHONE = "+15550000001"
OLD_KEY = "whsec_" + base64.b64encode(b"the key before, long enough").decode()
KEY = "whsec_" + base64.b64encode(b"the key, long enough as well").decode()
CONTACT = {"external_id": "", "name": "Sarah Miller", "customer_id": "c-1", "phones": [PHONE], "emails": []}
DEAL = {"external_id": "X-1", "title": "A new roof", "state": "offer", "open": True, "amount": "900", "currency": "EUR"}


@dataclass
class Synced:
    """A gateway, the sync process of a simulated business system, and that system."""

    stub: CrmServiceStub
    sync: SyncServiceStub
    there: Simulated
    webhooks: str

    async def state(self) -> SyncState:
        """Give how far it has come."""
        request = sync_service_pb2.ListSyncStatesRequest(context=a_request())
        states = (await self.sync.ListSyncStates(request)).states
        return states[0] if states else SyncState()

    def sell(self) -> tuple[str, str]:
        """Make a contact with an open deal there; give both ids."""
        contact = self.there.system.add("contacts", {**CONTACT, "external_id": "sarah"})
        deal = self.there.system.add("deals", {**DEAL, "contact_id": contact["id"]})
        return contact["id"], deal["id"]


@contextlib.asynccontextmanager
async def synced(
    folder: Path, nats_url: str, faults: Faults | None = None, *, every_s: float = 600.0, database_url: str = ""
) -> AsyncIterator[Synced]:
    """Run all of them; what webhooks do not tell is read every so many seconds."""
    port = free_port()
    where = {"nats_url": nats_url, "database_url": database_url}
    async with contextlib.AsyncExitStack() as stack:
        there = await stack.enter_async_context(simulator(faults))
        sync = sync_settings(
            folder,
            **where,
            crm_vendor="simulator",
            crm_url=there.url,
            crm_sync_tenant="clinic",
            crm_sync_every_s=every_s,
            crm_retry_limit_s=0.5,
            crm_webhook_listen=f"127.0.0.1:{port}",
            crm_webhook_keys=SecretStr(f"{OLD_KEY},{KEY}"),
        )
        hot = await stack.enter_async_context(serve(build, settings(folder, **where), service="crm"))
        await stack.enter_async_context(serve(build_sync, sync, service="crm-sync"))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(hot.address))
        url = f"http://127.0.0.1:{port}/webhooks/simulator"
        running = Synced(CrmServiceStub(channel), SyncServiceStub(channel), there, url)

        async def begun() -> bool:
            return (await running.state()).HasField("complete_at")

        await eventually(begun)
        yield running


async def tell(there: Simulated, url: str) -> None:
    """Have the simulated system send its webhooks."""
    async with httpx.AsyncClient(base_url=there.url) as client:
        target = Target(url=url, secret=KEY)
        (await client.put("/simulator/webhooks", json=target.model_dump())).raise_for_status()


async def until(session: Call, fits: Callable[[CallerContext], bool]) -> CallerContext:
    """Give the first context that fits."""
    while True:
        context = await session.context()
        if fits(context):
            return context


async def test_a_deal_closed_there_reaches_the_call_that_is_on(
    tmp_path: Path, nats: NatsServer, database_url: str
) -> None:
    async with synced(tmp_path, nats.url, database_url=database_url) as world:
        await tell(world.there, world.webhooks)
        async with call(world.stub, phone=PHONE) as session:
            assert not (await session.context()).HasField("contact")
            _, deal_id = world.sell()
            context = await until(session, lambda found: bool(found.open_items))
            (item,) = context.open_items
            assert (item.vendor, item.record_id, item.kind, item.amount) == ("simulator", deal_id, "deal", "900")
            assert (context.contact.customer_id, context.schema_version) == ("c-1", 2)
            assert context.intent_stage == INTENT_STAGE_PENDING
            world.there.system.edit("deals", deal_id, {"state": "won", "open": False})
            context = await until(session, lambda found: not found.open_items)
            assert context.intent_stage == INTENT_STAGE_DONE
            await session.end()
        assert world.there.system.requests["webhook 200"] == 3


async def test_a_call_from_any_of_the_numbers_learns_who_calls(tmp_path: Path, nats: NatsServer) -> None:
    other = "+15550000009"
    async with synced(tmp_path, nats.url) as world:
        await tell(world.there, world.webhooks)
        async with call(world.stub, phone=other) as session:
            assert not (await session.context()).HasField("contact")
            world.there.system.add("contacts", {**CONTACT, "external_id": "sarah", "phones": [PHONE, other]})
            assert list((await session.context()).contact.phones) == [PHONE, other]
            await session.end()


async def test_what_no_webhook_tells_is_read(tmp_path: Path, nats: NatsServer) -> None:
    faults = Faults(busy=0.2, broken=0.2, drops_request=0.1, retry_after_s=0.05, webhook_lost=1.0)
    async with synced(tmp_path, nats.url, faults, every_s=0.1) as world:
        await tell(world.there, world.webhooks)
        async with call(world.stub, phone=PHONE) as session:
            _, deal_id = world.sell()
            await until(session, lambda found: bool(found.open_items))
            world.there.system.edit("deals", deal_id, {"state": "lost", "open": False})
            await until(session, lambda found: not found.open_items)
            await session.end()
        assert world.there.system.requests["webhook"] == 0


async def test_everything_there_is_read_at_first_page_by_page(tmp_path: Path, nats: NatsServer) -> None:
    async with simulator() as there:
        for number in range(110):
            there.system.add(
                "contacts",
                {**CONTACT, "external_id": f"x{number}", "phones": [f"+1555{number:07d}"], "customer_id": ""},
            )
        sync = sync_settings(
            tmp_path, nats_url=nats.url, crm_vendor="simulator", crm_url=there.url, crm_sync_tenant="clinic"
        )
        async with (
            serve(build, settings(tmp_path, nats_url=nats.url), service="crm") as hot,
            grpc.aio.insecure_channel(hot.address) as channel,
        ):
            stub = SyncServiceStub(channel)

            async def state() -> SyncState:
                return (await stub.ListSyncStates(sync_service_pb2.ListSyncStatesRequest(context=a_request()))).states[
                    0
                ]

            async with serve(build_sync, sync, service="crm-sync"):

                async def read() -> bool:
                    response = await stub.ListSyncStates(sync_service_pb2.ListSyncStatesRequest(context=a_request()))
                    return any(each.HasField("complete_at") for each in response.states)

                await eventually(read)
            assert ((await state()).applied, (await state()).cursor) == (110, "110")
            request = sync_service_pb2.RestartSyncRequest(context=a_request(), vendor="simulator")
            assert (await stub.RestartSync(request)).state.cursor == "110"
            assert (await state()).cursor == ""
            request.vendor = "nobody"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.RestartSync(request)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_webhooks_sent_twice_and_out_of_order_end_in_what_is_there(tmp_path: Path, nats: NatsServer) -> None:
    faults = Faults(webhook_twice=0.5, webhook_late=0.5)
    async with synced(tmp_path, nats.url, faults) as world:
        await tell(world.there, world.webhooks)
        async with call(world.stub, phone=PHONE) as session:
            contact_id, deal_id = world.sell()
            for number in range(6):
                world.there.system.edit("deals", deal_id, {"title": f"Offer {number}"})
                world.there.system.edit("contacts", contact_id, {"name": f"Sarah {number}"})
            context = await until(
                session,
                lambda found: (
                    [item.title for item in found.open_items] == ["Offer 5"] and found.contact.display_name == "Sarah 5"
                ),
            )
            assert [link.vendor_contact_id for link in context.links] == [contact_id]

            async def all_told() -> bool:
                return world.there.system.requests["webhook 200"] >= 14

            await eventually(all_told)
            await session.end()


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(30):
        yield b" " * 100_000


async def test_what_a_call_leaves_behind_is_written_to_the_contact_that_is_there(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with synced(tmp_path, nats.url, every_s=0.1) as world:
        contact_id, _ = world.sell()
        async with call(world.stub, phone=PHONE) as session:
            await until(session, lambda found: bool(found.open_items))
            async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
                await bus.publish(ComplaintLogged(context=an_event_context("e1", phone=PHONE), category="late"))
            context = await until(session, lambda found: len(found.open_items) == 2)
            await session.end()
        assert {(item.vendor, item.kind) for item in context.open_items} == {
            ("simulator", "deal"),
            ("simulator", "complaint"),
        }
        assert [ticket["contact_id"] for ticket in world.there.system.tickets] == [contact_id]
        assert len(world.there.system.contacts) == 1, "nobody is made there twice"


class TestDoor:
    """What the door for webhooks answers."""

    BODY = json.dumps({"type": "contact", "data": {}}).encode()

    @pytest.fixture
    async def door(self, tmp_path: Path, nats: NatsServer) -> AsyncIterator[Synced]:
        async with synced(tmp_path, nats.url) as world:
            yield world

    @staticmethod
    def signed(body: bytes, key: str = KEY, at_s: float | None = None, webhook_id: str = "msg_1") -> dict[str, str]:
        timestamp = str(int(time.time() if at_s is None else at_s))
        signature = sign(key_of(key), webhook_id, timestamp, body)
        return {"content-type": "application/json", ID: webhook_id, TIMESTAMP: timestamp, SIGNATURE: signature}

    async def test_each_bad_message_has_its_own_answer(self, door: Synced) -> None:
        good = self.signed(self.BODY)
        other = "whsec_" + base64.b64encode(b"somebody else, and long enough").decode()
        large = b" " * 1_000_001
        cases: list[tuple[dict[str, str], bytes, int, str]] = [
            ({**good, "content-type": "text/plain"}, self.BODY, 415, "content-type"),
            ({**good, ID: ""}, self.BODY, 400, "webhook-id is missing"),
            ({**good, TIMESTAMP: "noon"}, self.BODY, 400, "no number of seconds"),
            ({**good, SIGNATURE: "v1,AAAA"}, self.BODY, 401, "no signature fits"),
            (self.signed(self.BODY, other), self.BODY, 401, "same key"),
            (good, self.BODY + b" ", 401, "no signature fits"),
            (self.signed(self.BODY, at_s=time.time() - 900), self.BODY, 403, "more than 300 s"),
            (self.signed(self.BODY, at_s=time.time() + 900), self.BODY, 403, "more than 300 s"),
            (self.signed(large), large, 413, "larger than 1000000 bytes"),
            (self.signed(b"{"), b"{", 422, "no JSON"),
            (self.signed(b"{}"), b"{}", 422, "neither of a contact"),
            (good, self.BODY, 422, "a contact with wrong values: emails, external_id"),
        ]
        async with httpx.AsyncClient() as client:
            for headers, body, status, words in cases:
                answer = await client.post(door.webhooks, content=body, headers=headers)
                assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
            assert (await client.get(door.webhooks)).status_code == 405
            answer = await client.post(door.webhooks, content=_endless(), headers=good)
            assert answer.status_code == 413, "it is cut off without a length too"
            answer = await client.post(door.webhooks + "s", content=self.BODY, headers=good)
            assert (answer.status_code, "not taken in here" in answer.json()["error"]) == (404, True)
        assert (await door.state()).applied == 0

    async def test_either_key_counts_and_a_message_once(self, door: Synced) -> None:
        contact = door.there.system.add("contacts", {**CONTACT, "external_id": "sarah"})
        body = json.dumps({"type": "contact", "data": contact}).encode()
        async with httpx.AsyncClient() as client:
            for key, webhook_id, result in ((OLD_KEY, "a", "taken"), (KEY, "a", "known"), (KEY, "b", "taken")):
                answer = await client.post(
                    door.webhooks, content=body, headers=self.signed(body, key, None, webhook_id)
                )
                assert (answer.status_code, answer.json()) == (200, {"result": result})
        state = await door.state()
        assert (state.applied, state.ignored) == (1, 1), "the third says nothing new"


async def test_the_last_word_on_consent_is_in_the_context(crm: World) -> None:
    async with call(crm.stub, phone=PHONE) as session:
        await session.context()
        granted = ConsentGranted(context=an_event_context("g", phone=PHONE), channel="sms", purpose="marketing")
        withdrawn = ConsentWithdrawn(context=an_event_context("w", phone=PHONE), reason="suppressed")
        older = ConsentWithdrawn(
            context=an_event_context("o", phone=PHONE), channel="sms", purpose="marketing", reason="refused"
        )
        older.context.occurred_at.seconds -= 60
        await crm.publish(granted, older)
        contact = Contact(phones=[PHONE], display_name="Sarah")
        await crm.stub.UpsertContact(UpsertContactRequest(context=a_request(), contact=contact))
        context = await until(session, lambda found: len(found.consents) == 1)
        assert [(each.channel, each.purpose, each.state) for each in context.consents] == [
            ("sms", "marketing", "granted")
        ]
        assert not context.suppressed
        await crm.publish(withdrawn)
        context = await until(session, lambda found: found.suppressed)
        assert [each.state for each in context.consents] == ["suppressed", "granted"]
        await session.end()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"crm_webhook_listen": "127.0.0.1:0"}, "CRM_SYNC_TENANT"),
        (
            {"crm_vendor": "simulator", "crm_sync_tenant": ""},
            "or * for one account that gets the records of all tenants",
        ),
        ({"crm_vendor": "simulator", "crm_sync_tenant": "*", "crm_webhook_listen": "127.0.0.1:0"}, "names one tenant"),
        ({"crm_sync_tenant": "clinic"}, "'local' does not say what has changed"),
        ({"crm_vendor": "simulator", "crm_sync_tenant": "clinic", "crm_webhook_listen": "127.0.0.1:0"}, "WEBHOOK_KEYS"),
        (
            {
                "crm_vendor": "simulator",
                "crm_sync_tenant": "clinic",
                "crm_webhook_listen": "127.0.0.1:0",
                "crm_webhook_keys": SecretStr("!"),
            },
            "no base64 text",
        ),
        (
            {
                "crm_vendor": "simulator",
                "crm_sync_tenant": "clinic",
                "crm_webhook_listen": "0.0.0.0:0",
                "crm_webhook_keys": SecretStr(KEY),
            },
            "WEBHOOK_LISTEN",
        ),
    ],
)
async def test_settings_that_do_not_go_together_say_so(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    wrong = sync_settings(tmp_path, nats_url="nats://127.0.0.1:1", crm_url="http://127.0.0.1:1", **given)
    with pytest.raises(BaseExceptionGroup) as caught:
        async with serve(build_sync, wrong, service="crm-sync"):
            pass
    found = caught.value.subgroup(ConfigError)
    assert found is not None
    assert words in str(found.exceptions[0])
