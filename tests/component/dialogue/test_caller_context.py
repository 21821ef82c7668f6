"""What changes in a business system while a call is on is what the agent says next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from fakes.conversation import Stage
from fakes.crm_world import settings, sync_settings
from fakes.nats_server import nats_server
from fakes.simulator import Simulated, simulator

from mesh.testing import serve
from services.crm_gateway.app import build as build_crm
from services.crm_gateway.sync.app import build as build_sync
from services.dialogue import model
from services.dialogue.adapters.crm import GrpcCrmLink
from services.dialogue.flow import installed_policy
from services.dialogue.policy import Entity

PHONE = "+15550000001"
SARAH = {"external_id": "sarah", "name": "Sarah Miller", "phones": [PHONE], "emails": []}
ORDER = {"external_id": "o1", "kind": "order", "title": "A4512", "state": "in_transit", "open": True}
QUESTION = "Where is my order A4512?"
ASKED = model.Understanding(
    QUESTION,
    intent="order_status",
    confidence=0.99,
    entities=(Entity("order_number", "A4512", "A4512", confidence=0.99),),
)
CALL = model.SessionInfo(
    session_id="s1",
    tenant_id="clinic",
    region="local",
    correlation_id="corr-1",
    language="en-US",
    time_zone="UTC",
    domain="shop",
    direction="inbound",
    phone=PHONE,
)


@contextlib.asynccontextmanager
async def taken_in(folder: Path) -> AsyncIterator[tuple[Simulated, grpc.aio.Channel]]:
    """Run a gateway and the sync process of a simulated business system."""
    async with contextlib.AsyncExitStack() as stack:
        there = await stack.enter_async_context(simulator())
        nats = await stack.enter_async_context(nats_server())
        hot = await stack.enter_async_context(serve(build_crm, settings(folder, nats_url=nats.url), service="crm"))
        account = {"crm_vendor": "simulator", "crm_url": there.url, "crm_sync_tenant": "clinic"}
        sync = sync_settings(folder, nats_url=nats.url, crm_sync_every_s=0.1, **account)
        await stack.enter_async_context(serve(build_sync, sync, service="crm-sync"))
        yield there, await stack.enter_async_context(grpc.aio.insecure_channel(hot.address))


async def test_the_agent_says_what_became_of_it_meanwhile(tmp_path: Path) -> None:
    async with taken_in(tmp_path) as (there, channel):
        contact = there.system.add("contacts", SARAH)
        order = there.system.add("tickets", {**ORDER, "contact_id": contact["id"]})
        stage = Stage(CALL, installed_policy(), {QUESTION: ASKED}, crm_link=GrpcCrmLink(channel, CALL))

        async def told(stage: Stage, words: str) -> None:
            """Ask until the agent says so."""
            while words not in stage.texts()[-1]:
                count = len(stage.texts())
                stage.client.put_nowait(model.CallerText(QUESTION))
                await stage.until(model.AgentEnded, count + 1)

        async def script(stage: Stage) -> None:
            await stage.until(model.AgentEnded)
            await told(stage, "is in transit")
            there.system.edit("tickets", order["id"], {"state": "delivered"})
            await told(stage, "is delivered")
            stage.client.put_nowait(model.EndSession())

        async with asyncio.timeout(60):
            await stage.run(script)
    assert ("identified",) in {entry[:1] for entry in stage.record.log}
