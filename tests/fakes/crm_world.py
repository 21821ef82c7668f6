"""The CRM gateway as production runs it: the hot path and the sync process, one broker, one database."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from fakes.background import eventually
from google.protobuf.message import Message
from pydantic import SecretStr
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import Record
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus
from mesh.testing import serve
from services.crm_gateway.app import build
from services.crm_gateway.config import CrmSettings, CrmSyncSettings
from services.crm_gateway.sync.app import build as build_sync


def settings(folder: Path, *, nats_url: str = "", database_url: str = "", **others: Any) -> CrmSettings:
    """Settings of the hot path in a test."""
    return CrmSettings(
        state_dir=folder, nats_url=nats_url, crm_database_url=SecretStr(database_url), drain_s=0.5, **others
    )


def sync_settings(folder: Path, *, nats_url: str, database_url: str = "", **others: Any) -> CrmSyncSettings:
    """Settings of the sync process in a test: one account for all tenants, where they name none."""
    if others.get("crm_vendor", "local") != "local":
        others.setdefault("crm_sync_tenant", "*")
    return CrmSyncSettings(
        state_dir=folder, nats_url=nats_url, crm_database_url=SecretStr(database_url), drain_s=0.5, **others
    )


def a_request(tenant_id: str = "clinic", session_id: str = "") -> RequestContext:
    """A request's context."""
    return RequestContext(
        tenant_id=tenant_id, region="local", correlation_id="corr-1", language="en-US", session_id=session_id
    )


def an_event_context(event_id: str, tenant_id: str = "clinic", session_id: str = "s1", **customer: str) -> EventContext:
    """An event's context."""
    context = EventContext(
        event_id=event_id,
        tenant_id=tenant_id,
        region="local",
        correlation_id="corr-1",
        language="en-US",
        session_id=session_id,
        customer=CustomerReference(**customer),
    )
    context.occurred_at.GetCurrentTime()
    return context


@dataclass
class World:
    """A running gateway, and a bus to publish on."""

    stub: CrmServiceStub
    bus: Bus
    address: str

    async def publish(self, *events: Message) -> None:
        """Publish what a call would."""
        for event in events:
            await self.bus.publish(event)

    async def records(self, tenant_id: str = "clinic", **wanted: str) -> list[Record]:
        """List records, the newest first."""
        response = await self.stub.ListRecords(pb.ListRecordsRequest(context=a_request(tenant_id), **wanted))
        return list(response.records)

    async def until_records(self, count: int, tenant_id: str = "clinic") -> list[Record]:
        """Wait until the tenant has so many records."""

        async def enough() -> bool:
            return len(await self.records(tenant_id)) >= count

        await eventually(enough)
        return await self.records(tenant_id)


@contextlib.asynccontextmanager
async def world(folder: Path, nats_url: str, database_url: str = "") -> AsyncIterator[World]:
    """Run both processes' services in this one."""
    where = {"nats_url": nats_url, "database_url": database_url}
    async with (
        serve(build, settings(folder, **where), service="crm") as hot,
        serve(build_sync, sync_settings(folder, **where), service="crm-sync"),
        mesh_bus.connect(nats_url, source="/voicemesh/test") as bus,
        grpc.aio.insecure_channel(hot.address) as channel,
    ):
        yield World(CrmServiceStub(channel), bus, hot.address)
