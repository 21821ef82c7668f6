"""A contact changes at a console and in a business system at once: one counts, both hold it, and the log says so."""

from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from fakes.background import eventually
from fakes.crm_world import World, a_request, an_event_context, sync_settings
from fakes.nats_server import NatsServer
from fakes.simulator import simulator
from voicemesh.crm.v1 import conflicts_pb2 as conflicts
from voicemesh.crm.v1 import conflicts_service_pb2 as conflicts_service
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.conflicts_service_pb2_grpc import ConflictServiceStub
from voicemesh.crm.v1.crm_pb2 import Contact, ContactKey
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged

from mesh.database import database
from mesh.outbox import Outbox
from mesh.testing import serve
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.change_intake import ChangeIntake
from services.crm_gateway.adapters.cursors import Cursor
from services.crm_gateway.adapters.statements import ChangesOnly, Statements
from services.crm_gateway.adapters.vendor_changes import VendorChanges
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.model import Scope
from services.crm_gateway.sync.app import build as build_sync
from services.crm_gateway.vendors import simulator as simulated

SCOPE = Scope("clinic", "local", "corr-1", "en-US")
PHONE = "+15550000001"


async def name_here(crm: World) -> str:
    request = pb.LookupContactRequest(context=a_request(), contact=ContactKey(phone=PHONE))
    return (await crm.stub.LookupContact(request)).caller_context.contact.display_name


async def change_here(crm: World, name: str) -> None:
    contact = Contact(phones=[PHONE], display_name=name)
    await crm.stub.UpsertContact(pb.UpsertContactRequest(context=a_request(), contact=contact))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_change_on_both_sides_ends_as_one_on_both(
    tmp_path: Path, nats: NatsServer, database_url: str, crm: World
) -> None:
    async with (
        simulator() as there,
        database(database_url) as engine,
        grpc.aio.insecure_channel(crm.address) as channel,
    ):
        settings = sync_settings(
            tmp_path, nats_url=nats.url, database_url=database_url, crm_vendor="simulator", crm_url=there.url
        )

        async def until_written(count: int) -> None:
            states = sa.select(tables.deliveries.c.state)

            async def so() -> bool:
                async with engine.connect() as connection:
                    return list((await connection.execute(states)).scalars()) == ["written"] * count

            async with serve(build_sync, settings, service="crm-remote"):
                await eventually(so)

        outbox = Outbox(engine, tables.outbox)
        statements = ChangesOnly(Statements(load_rules(None), outbox))
        intake = ChangeIntake(VendorChanges("simulator", outbox, statements), Cursor(engine, SCOPE, "simulator"), SCOPE)

        async def read(cursor: str) -> str:
            async with simulated.create(settings) as vendor:
                page = await vendor.changes(cursor)
            await intake.take_webhook(f"read-{cursor}", page.changes)
            return page.cursor

        await crm.publish(ComplaintLogged(context=an_event_context("e1", phone=PHONE, name="Sara"), category="late"))
        await crm.until_records(1)
        await until_written(1)
        cursor = await read("")
        (contact,) = there.system.contacts
        there.system.edit("contacts", contact["id"], {"name": "Sandra"})
        await change_here(crm, "Sarah")
        cursor = await read(cursor)
        assert await name_here(crm) == "Sarah"
        stub = ConflictServiceStub(channel)
        request = conflicts_service.ListConflictsRequest(context=a_request(), field="display_name")
        (entry,) = (await stub.ListConflicts(request)).conflicts
        assert (entry.state, entry.kept.source) == (conflicts.CONFLICT_STATE_SETTLED, "console")
        assert [(other.statement.source, other.because) for other in entry.overruled] == [("simulator", "priority")]
        await until_written(2)
        assert contact["name"] == "Sarah"
        cursor = await read(cursor)

        there.system.edit("contacts", contact["id"], {"name": "Sarah Miller"})
        await read(cursor)
        assert await name_here(crm) == "Sarah Miller", "changed on one side only"
        assert len((await stub.ListConflicts(request)).conflicts) == 1
