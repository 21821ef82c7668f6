"""Texts of events that no database holds."""

from datetime import UTC, datetime

from voicemesh.common.v1.speech_pb2 import Slot
from voicemesh.crm.v1.crm_pb2 import Record
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v1.event_pb2 import EventContext

from services.crm_gateway.event_texts import storable_event
from services.crm_gateway.mapping import Mapper, load_mapping


def an_event(date: str) -> AppointmentRequested:
    context = EventContext(event_id="e1", tenant_id="clinic", correlation_id="c", language="en-US", confidence=0.0)
    context.occurred_at.FromDatetime(datetime(2026, 11, 24, tzinfo=UTC))
    return AppointmentRequested(context=context, date=date, slots=[Slot(name="date", value=date, confidence=0.0)])


def test_all_texts_of_an_event_lose_what_no_database_holds_and_nothing_else_changes() -> None:
    event = an_event("2026\0-11-24")
    assert storable_event(event) == an_event("2026-11-24")
    assert event == an_event("2026\0-11-24"), "what was given stays as it is"


def test_maps_and_lists_of_texts_too() -> None:
    record = Record(title="a\0b", fields={"n": "1\0"})
    assert storable_event(record) == Record(title="ab", fields={"n": "1"})
    assert list(storable_event(CallCompleted(intents=["a\0", "b"])).intents) == ["a", "b"]


def test_an_event_without_is_itself() -> None:
    event = AppointmentRequested(date="2026-11-24")
    assert storable_event(event) is event


def test_records_are_made_of_what_can_be_kept() -> None:
    record = Mapper(load_mapping("local", None), review_below=0.0).map(an_event("2026\0-11-24"))
    assert record is not None
    assert record.fields["date"] == "2026-11-24"
