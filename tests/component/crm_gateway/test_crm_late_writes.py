"""What a business system does after nobody waits for its answer any more, and what an idempotency key is good for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fakes.background import eventually
from fakes.simulator import Simulated, simulator

from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.vendors import simulator as adapter

_CONTACT = Contact("c1", display_name="Sarah Miller")
_RECORD = NewRecord(
    event_id="e1",
    scope=Scope("clinic", "local", "corr-1", "en-US", "s1"),
    customer=Customer(),
    kind="complaint",
    state=RecordState.APPLIED,
    title="late",
    open=True,
    occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
)


@contextlib.asynccontextmanager
async def _asking(there: Simulated) -> AsyncIterator[adapter.Simulator]:
    settings = CrmSyncSettings(crm_vendor="simulator", crm_url=there.url)
    async with adapter.create(settings) as vendor:
        yield vendor


async def test_what_came_whole_is_done_though_nobody_waits_for_it() -> None:
    async with simulator(Faults(late=1, late_s=0.2)) as there, httpx.AsyncClient(base_url=there.url) as client:
        token = (await client.post("/oauth/token")).json()["access_token"]
        item = {"external_id": "r1", "kind": "complaint", "title": "late"}
        headers = {"authorization": f"Bearer {token}"}

        async def begun() -> bool:
            return there.system.requests["late"] == 1

        async def done() -> bool:
            return len(there.system.tickets) == 1

        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(client.post("/tickets", json=item, headers=headers))
            await eventually(begun)
            asked.cancel()
        await eventually(done)


@pytest.mark.parametrize(("idempotent", "times"), [(True, 1), (False, 2)])
async def test_a_key_counts_where_the_system_is_idempotent(*, idempotent: bool, times: int) -> None:
    async with simulator(idempotent=idempotent) as there, _asking(there) as vendor:
        for _ in range(2):
            await vendor.write(_RECORD, None)
        assert len(there.system.tickets) == times


async def test_a_batch_that_is_done_late_makes_nothing_twice() -> None:
    async with simulator(idempotent=True) as there, _asking(there) as vendor:
        alone = await vendor.write(_RECORD, _CONTACT)
        assert await vendor.write_many([(_RECORD, _CONTACT)]) == [alone]
        assert (len(there.system.tickets), len(there.system.contacts)) == (1, 1)


async def test_what_was_deleted_there_is_made_anew() -> None:
    async with simulator(idempotent=True) as there, _asking(there) as vendor:
        first = await vendor.write(_RECORD, None)
        there.system.edit("tickets", first, {"deleted": True})
        assert await vendor.write(_RECORD, None) != first
