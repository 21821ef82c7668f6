"""A wrong name went to the local CRM and over HTTP to another; a person puts it right, though the worker is killed."""

import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from fakes.background import eventually
from fakes.crm_process import Process, started
from fakes.crm_world import World, a_request, an_event_context
from fakes.nats_server import NatsServer
from fakes.simulator import simulator
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import Contact, ContactKey
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged

from mesh.database import database
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.corrections.model import Correction
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.model import NewRecord
from services.crm_gateway.simulator.model import Faults

PHONE = "+15550000001"


async def put_the_complaint_right(engine: AsyncEngine) -> None:
    """As who reviews what was written does."""
    outbox = Outbox(engine, tables.outbox)
    async with outbox.transaction() as connection:
        row = (await connection.execute(sa.select(tables.deliveries.c.record).order_by("sequence").limit(1))).one()
        wrong = TypeAdapter(NewRecord).validate_python(row.record)
        right = replace(wrong, title="damaged", fields={**wrong.fields, "category": "damaged"})
        correction = Correction("correction.1", "ann", datetime.now(UTC), "misheard")
        told = await Corrections(outbox).correct_record(connection, wrong, right, correction)
    assert told == ["local", "simulator"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_both_hold_the_right_name_once_though_the_worker_is_killed(
    tmp_path: Path, nats: NatsServer, database_url: str, crm: World
) -> None:
    async with simulator() as there, database(database_url) as engine:
        worker = Process(
            "services.crm_gateway.sync",
            tmp_path,
            nats.url,
            VOICEMESH_CRM_DATABASE_URL=database_url,
            VOICEMESH_CRM_VENDOR="simulator",
            VOICEMESH_CRM_SYNC_TENANT="*",
            VOICEMESH_CRM_URL=there.url,
            VOICEMESH_CRM_TIMEOUT_S="0.5",
            VOICEMESH_CRM_LEASE_S="1",
            VOICEMESH_CRM_RETRY_LIMIT_S="0.1",
            VOICEMESH_CRM_MAX_ATTEMPTS="1000",
        )

        async def states() -> list[str]:
            statement = sa.select(tables.deliveries.c.state).order_by(tables.deliveries.c.sequence)
            async with engine.connect() as connection:
                return list((await connection.execute(statement)).scalars())

        async with started(worker):
            await crm.publish(
                ComplaintLogged(context=an_event_context("e1", phone=PHONE, name="Sara"), category="late")
            )
            await crm.until_records(1)

            async def has_the_wrong_one() -> bool:
                return await states() == ["written"]

            await eventually(has_the_wrong_one)
            assert [contact["name"] for contact in there.system.contacts] == ["Sara"]
            # From now on it does what it is asked, and nobody hears of it.
            there.system.misbehave(Faults(drops_answer=1))
            found = await crm.stub.LookupContact(
                pb.LookupContactRequest(context=a_request(), contact=ContactKey(phone=PHONE))
            )
            contact = found.caller_context.contact
            assert contact.display_name == "Sara"
            right = Contact(contact_id=contact.contact_id, version=contact.version, display_name="Sarah")
            await crm.stub.UpsertContact(pb.UpsertContactRequest(context=a_request(), contact=right))

            await put_the_complaint_right(engine)

            async def was_tried() -> bool:
                return there.system.requests["drops_answer"] > 0

            await eventually(was_tried)
            assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
            assert await states() == ["written", "waiting", "waiting"]
            there.system.misbehave(Faults())
            await worker.start()

            async def is_put_right() -> bool:
                return await states() == ["written"] * 3

            await eventually(is_put_right, within_s=60)
    assert [contact["name"] for contact in there.system.contacts] == ["Sarah"]
    counts = there.system.counts()
    assert (counts["contacts"], counts["tickets"]) == (1, 1)
    request = pb.LookupContactRequest(context=a_request(), contact=ContactKey(phone=PHONE))
    local = (await crm.stub.LookupContact(request)).caller_context.contact
    assert (local.display_name, local.version) == ("Sarah", 2)
    assert [ticket["title"] for ticket in there.system.tickets] == ["damaged"]
    assert [record.title for record in await crm.records()] == ["damaged"]
