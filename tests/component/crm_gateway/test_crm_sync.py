"""Events of calls become records, through a real broker and real databases."""

import asyncio
from pathlib import Path

import grpc
import pytest
from fakes.background import eventually, running
from fakes.crm_world import World, a_request, an_event_context, sync_settings, world
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER, Slot
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import RECORD_STATE_APPLIED, RECORD_STATE_DRAFT, CallerContext, ContactKey, Record
from voicemesh.events.v1.business_events_pb2 import (
    AppointmentCancelled,
    AppointmentRequested,
    AppointmentRescheduled,
    ComplaintLogged,
    OptOutRequested,
    RecordWritten,
)
from voicemesh.events.v1.call_events_pb2 import CallCompleted

from mesh.bus import Delivery
from mesh.config import ConfigError
from mesh.testing import serve
from services.crm_gateway.sync.app import build as build_sync

PHONE = "+15550000001"


async def lookup(crm: World, tenant_id: str = "clinic", **key: str) -> CallerContext:
    request = pb.LookupContactRequest(context=a_request(tenant_id), contact=ContactKey(**key))
    return (await crm.stub.LookupContact(request)).caller_context


class Written:
    """Collects what the gateway says it has written."""

    def __init__(self) -> None:
        self.events: list[RecordWritten] = []

    async def handle(self, event: Message, _: Delivery) -> None:
        assert isinstance(event, RecordWritten)
        self.events.append(event)


async def test_a_call_leaves_an_appointment_an_interaction_and_a_contact(crm: World) -> None:
    known = {"phone": PHONE, "name": "Sarah Miller"}
    await crm.publish(
        AppointmentRequested(
            context=an_event_context("e1", **known),
            service="cleaning",
            date="2026-11-26",
            time="10:00",
            slots=[Slot(name="service", value="cleaning", type="service")],
        ),
        CallCompleted(
            context=an_event_context("e2", **known), disposition="appointment_booked", summary="Booked a cleaning."
        ),
    )
    interaction, appointment = await crm.until_records(2)
    assert (appointment.kind, appointment.state, appointment.event_id) == ("appointment", RECORD_STATE_APPLIED, "e1")
    assert appointment.title == "cleaning on 2026-11-26 at 10:00"
    assert dict(appointment.fields) == {"service": "cleaning", "date": "2026-11-26", "time": "10:00"}
    assert (appointment.tenant_id, appointment.region, appointment.language) == ("clinic", "local", "en-US")
    assert (appointment.session_id, appointment.correlation_id) == ("s1", "corr-1")
    assert interaction.kind == "interaction"
    context = await lookup(crm, phone=PHONE)
    assert context.contact.display_name == "Sarah Miller"
    assert context.contact.contact_id == appointment.contact_id == interaction.contact_id
    assert context.last_interaction == "Booked a cleaning."
    assert [(item.kind, item.state) for item in context.open_items] == [("appointment", "open")]


async def test_an_event_that_comes_again_writes_nothing_twice(crm: World) -> None:
    written = Written()
    consumer = await crm.bus.consumer([RecordWritten], durable="test")
    event = ComplaintLogged(context=an_event_context("e1", name="Sarah"), category="damaged_item")
    event.context.turn_id, event.context.confidence = "c2", 0.875
    async with running(consumer.run(written.handle)):
        await crm.publish(event)
        await crm.until_records(1)
        # Past the stream's own de-duplication, as after two minutes.
        subject = "voicemesh.events.v1.ComplaintLogged.local"
        kind = "voicemesh.events.v1.ComplaintLogged"
        for number in range(3):
            headers = {"ce-type": kind, "ce-id": "e1", "Nats-Msg-Id": f"again-{number}"}
            await crm.bus.jetstream.publish(subject, event.SerializeToString(), headers=headers)
        await crm.publish(ComplaintLogged(context=an_event_context("e2", session_id="s2"), category="late"))
        records = await crm.until_records(2)
        assert [record.event_id for record in records] == ["e2", "e1"]

        async def both() -> bool:
            return len(written.events) >= 2

        await eventually(both)
        assert [event.source_event_id for event in written.events] == ["e1", "e2"]
    first = written.events[0]
    assert (first.vendor, first.kind, first.record_id) == ("local", "complaint", records[1].record_id)
    assert (first.context.session_id, first.context.correlation_id) == ("s1", "corr-1")
    assert (first.context.turn_id, first.context.speaker, first.context.confidence) == ("c2", SPEAKER_CALLER, 0.875)
    assert first.context.customer.contact_id == records[1].contact_id


async def test_two_sync_processes_write_one_record_an_event(
    tmp_path: Path, nats: NatsServer, database_url: str
) -> None:
    settings = sync_settings(tmp_path, nats_url=nats.url, database_url=database_url)
    async with world(tmp_path, nats.url, database_url) as crm, serve(build_sync, settings, service="crm-sync"):
        events = [
            ComplaintLogged(context=an_event_context(f"e{n}", session_id=f"s{n}", phone=PHONE)) for n in range(30)
        ]
        await crm.publish(*events)
        records = await crm.until_records(30)
        assert len({record.event_id for record in records}) == 30
        assert len({record.contact_id for record in records}) == 1, "one new caller is one contact"


async def test_a_caller_who_only_gave_a_name_is_one_contact_in_a_session(crm: World) -> None:
    await crm.publish(
        AppointmentRequested(context=an_event_context("e1", name="Sarah Miller")),
        CallCompleted(context=an_event_context("e2", name="Sarah Miller")),
        CallCompleted(context=an_event_context("e3", session_id="other", name="Sarah Miller")),
        CallCompleted(context=an_event_context("e4", session_id="silent")),
    )
    nobody, other, second, first = await crm.until_records(4)
    assert first.contact_id == second.contact_id != other.contact_id
    assert nobody.contact_id == "", "of one who said nothing nothing is known"


async def test_what_is_known_of_a_contact_is_filled_in_and_never_changed(crm: World) -> None:
    await crm.publish(
        CallCompleted(context=an_event_context("e1", phone=PHONE)),
        CallCompleted(context=an_event_context("e2", phone=PHONE, name="Sarah Miller", session_id="s2")),
        CallCompleted(context=an_event_context("e3", phone=PHONE, name="Someone Else", session_id="s3")),
    )
    await crm.until_records(3)
    contact = (await lookup(crm, phone=PHONE)).contact
    assert (contact.display_name, contact.version) == ("Sarah Miller", 2)


async def test_a_moved_and_a_cancelled_appointment_end_the_open_one(crm: World) -> None:
    async def open_titles() -> list[str]:
        return [item.title for item in (await lookup(crm, phone=PHONE)).open_items]

    await crm.publish(
        AppointmentRequested(context=an_event_context("e1", phone=PHONE), service="cleaning", date="2026-11-24"),
        AppointmentRescheduled(context=an_event_context("e2", phone=PHONE), date="2026-11-26", time="10:00"),
    )
    await crm.until_records(2)
    assert await open_titles() == ["Moved to 2026-11-26 at 10:00"]
    await crm.publish(AppointmentCancelled(context=an_event_context("e3", phone=PHONE)))
    await crm.until_records(3)

    async def none_is_open() -> bool:
        return await open_titles() == []

    await eventually(none_is_open)


async def test_an_opt_out_marks_the_contact_and_an_unsure_action_is_a_draft(crm: World) -> None:
    unsure = an_event_context("e2", phone=PHONE)
    unsure.confidence = 0.2
    await crm.publish(
        OptOutRequested(context=an_event_context("e1", phone=PHONE), channel="voice"),
        AppointmentRequested(context=unsure, service="cleaning"),
    )
    appointment, opt_out = await crm.until_records(2)
    assert (opt_out.kind, opt_out.state) == ("opt_out", RECORD_STATE_APPLIED)
    assert appointment.state == RECORD_STATE_DRAFT
    assert appointment.confidence == pytest.approx(0.2)
    context = await lookup(crm, phone=PHONE)
    assert context.suppressed
    assert [item.state for item in context.open_items] == ["draft"]


async def test_tenants_never_see_each_others_records(crm: World) -> None:
    await crm.publish(
        ComplaintLogged(context=an_event_context("same-id", "clinic", phone=PHONE, name="Sarah")),
        ComplaintLogged(context=an_event_context("same-id-2", "shop", phone=PHONE, name="Tom")),
    )
    [clinic] = await crm.until_records(1, "clinic")
    [shop] = await crm.until_records(1, "shop")
    assert clinic.contact_id != shop.contact_id
    assert (await lookup(crm, "shop", phone=PHONE)).contact.display_name == "Tom"
    assert await crm.records("shop", contact_id=clinic.contact_id) == []
    assert await crm.records("shop", session_id="s1") == [shop]
    assert await crm.records("elsewhere") == []


async def test_records_come_in_pages_that_new_ones_do_not_shift(crm: World) -> None:
    await crm.publish(*(ComplaintLogged(context=an_event_context(f"e{n}")) for n in range(5)))
    await crm.until_records(5)

    async def page(token: str) -> tuple[list[Record], str]:
        request = pb.ListRecordsRequest(context=a_request(), kind="complaint", page_size=2, page_token=token)
        response = await crm.stub.ListRecords(request)
        return list(response.records), response.next_page_token

    first, token = await page("")
    await crm.publish(ComplaintLogged(context=an_event_context("newer")))
    await crm.until_records(6)
    second, token = await page(token)
    third, token = await page(token)
    assert [record.event_id for record in (*first, *second, *third)] == ["e4", "e3", "e2", "e1", "e0"]
    assert token == ""


@pytest.mark.parametrize("token", ["x", "djE6LTE=", "djE6OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "djI6MQ=="])
async def test_a_token_that_was_not_handed_out_is_refused(crm: World, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await crm.stub.ListRecords(pb.ListRecordsRequest(context=a_request(), page_token=token))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "page_token" in (caught.value.details() or "")


async def test_events_published_while_no_sync_process_runs_are_written_later(tmp_path: Path, nats: NatsServer) -> None:
    async with world(tmp_path, nats.url) as crm:
        await crm.publish(ComplaintLogged(context=an_event_context("e1")))
        await crm.until_records(1)
    async with world(tmp_path / "elsewhere", nats.url) as other:
        # Another database, the same place in the stream: what was written is not written again.
        await other.publish(ComplaintLogged(context=an_event_context("e2")))
        records = await other.until_records(1)
    assert [record.event_id for record in records] == ["e2"]


async def test_the_sync_process_comes_through_an_outage_of_the_broker(crm: World, nats: NatsServer) -> None:
    await crm.publish(ComplaintLogged(context=an_event_context("e1")))
    await crm.until_records(1)
    await nats.kill()
    await nats.start()

    async def published() -> bool:
        try:
            await crm.publish(ComplaintLogged(context=an_event_context("e2")))
        except ConnectionError:
            return False
        return True

    await eventually(published)
    records = await crm.until_records(2)
    assert [record.event_id for record in records] == ["e2", "e1"]


async def test_without_a_broker_or_with_an_unknown_vendor_it_does_not_start(tmp_path: Path) -> None:
    for settings, complaint in (
        (sync_settings(tmp_path, nats_url=""), "VOICEMESH_NATS_URL"),
        (sync_settings(tmp_path, nats_url="nats://127.0.0.1:1", crm_vendor="none"), "VOICEMESH_CRM_VENDOR"),
    ):
        with pytest.raises(ExceptionGroup) as caught:
            async with serve(build_sync, settings, service="crm-sync"):
                await asyncio.Event().wait()
        assert caught.group_contains(ConfigError, match=complaint)
