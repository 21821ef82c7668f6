"""A business system, the sync process and the gateway as processes of their own; the sync process is killed."""

import asyncio
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import httpx
import pytest
from fakes.background import eventually
from fakes.crm_call import call
from fakes.crm_process import Process, started
from fakes.crm_world import a_request
from fakes.nats_server import NatsServer, free_port
from voicemesh.crm.v1 import sync_service_pb2
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.crm.v1.sync_pb2 import SyncState
from voicemesh.crm.v1.sync_service_pb2_grpc import SyncServiceStub

KEY = "whsec_" + base64.b64encode(b"the key, long enough as well").decode()
CONTACTS = 250


@contextlib.asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run the simulated business system; yields a client that has a token."""
    port = free_port()
    command = [sys.executable, "-m", "services.crm_gateway.simulator", "--port", str(port)]
    with (folder / "simulator.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=dict(os.environ))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

                async def serves() -> bool:
                    with contextlib.suppress(httpx.TransportError):
                        token = (await client.post("/oauth/token")).json()["access_token"]
                        client.headers["authorization"] = f"Bearer {token}"
                        return True
                    return False

                await eventually(serves, within_s=60)
                yield client
        finally:
            process.kill()
            await process.wait()


@pytest.mark.slow
async def test_a_killed_sync_process_goes_on_where_it_was_and_tells_the_call(tmp_path: Path, nats: NatsServer) -> None:
    port = free_port()
    async with (
        simulated(tmp_path) as there,
        started(Process("services.crm_gateway", tmp_path, nats.url)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        for number in range(CONTACTS):
            contact = {"external_id": f"x{number}", "name": f"Caller {number}", "phones": [f"+1555{number:07d}"]}
            (await there.post("/contacts", json=contact)).raise_for_status()
        deal = {"external_id": "d", "contact_id": "C000007", "title": "A new roof", "state": "offer"}
        deal_id = (await there.post("/deals", json=deal)).json()["id"]
        sync = Process(
            "services.crm_gateway.sync",
            tmp_path,
            nats.url,
            VOICEMESH_CRM_VENDOR="simulator",
            VOICEMESH_CRM_URL=str(there.base_url),
            VOICEMESH_CRM_SYNC_TENANT="clinic",
            VOICEMESH_CRM_SYNC_EVERY_S="3600",
            VOICEMESH_CRM_LEASE_S="1",
            VOICEMESH_CRM_TIMEOUT_S="0.3",
            VOICEMESH_CRM_WEBHOOK_LISTEN=f"127.0.0.1:{port}",
            VOICEMESH_CRM_WEBHOOK_KEYS=KEY,
        )
        states = SyncServiceStub(channel)

        async def state() -> SyncState:
            response = await states.ListSyncStates(sync_service_pb2.ListSyncStatesRequest(context=a_request()))
            return next(iter(response.states), SyncState())

        await sync.start()
        await eventually(lambda: _reached(state, 1), within_s=60)
        await sync.end(signal.SIGKILL)
        async with started(sync):
            await eventually(lambda: _reached(state, CONTACTS + 1), within_s=60)
            assert (await state()).applied == CONTACTS + 1, "each was taken in once"
            async with call(CrmServiceStub(channel), phone="+15550000006") as session:
                context = await session.context()
                assert [item.record_id for item in context.open_items] == [deal_id]
                target = {"url": f"http://127.0.0.1:{port}/webhooks/simulator", "secret": KEY}
                (await there.put("/simulator/webhooks", json=target)).raise_for_status()
                (await there.patch(f"/deals/{deal_id}", json={"state": "won", "open": False})).raise_for_status()
                assert list((await session.context()).open_items) == []
                await session.end()


async def _reached(state: Callable[[], Awaitable[SyncState]], applied: int) -> bool:
    return (await state()).applied >= applied
