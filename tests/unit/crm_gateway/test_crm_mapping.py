"""Events become records as the mapping says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message
from voicemesh.common.v1.speech_pb2 import Slot
from voicemesh.events.v1.business_events_pb2 import (
    AppointmentCancelled,
    AppointmentRequested,
    AppointmentRescheduled,
    ComplaintLogged,
    HandoverRequested,
    OptOutRequested,
    OrderInquired,
    RecordWritten,
    ReturnRequested,
)
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.config import ConfigError
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import Customer, RecordState

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def a_context(confidence: float | None = None, **customer: str) -> EventContext:
    context = EventContext(
        event_id="session-1.t1.0",
        tenant_id="clinic",
        region="eu",
        correlation_id="corr-1",
        language="en-US",
        session_id="session-1",
        turn_id="t1",
        customer=CustomerReference(**customer),
        confidence=confidence,
    )
    context.occurred_at.FromDatetime(AT)
    return context


@pytest.fixture
def mapper() -> Mapper:
    return Mapper(load_mapping("local", None), review_below=0.5)


@pytest.mark.parametrize(
    ("event", "kind", "title", "is_open"),
    [
        (AppointmentRequested(service="root_canal", date="2026-11-24", time="10:00"), "appointment",
         "root canal on 2026-11-24 at 10:00", True),
        (AppointmentRequested(service="cleaning", date="2026-11-24"), "appointment", "cleaning on 2026-11-24", True),
        (AppointmentRequested(), "appointment", "Appointment", True),
        (AppointmentRescheduled(date="2026-11-26", time="11:00"), "appointment", "Moved to 2026-11-26 at 11:00", True),
        (AppointmentCancelled(), "appointment_cancellation", "Appointment cancelled", False),
        (ComplaintLogged(category="late", order_number="A4512"), "complaint", "late, order A4512", True),
        (ComplaintLogged(description="{order_number} is {broken"), "complaint", "Complaint", True),
        (OrderInquired(order_number="A4512"), "order_inquiry", "Asked about order A4512", False),
        (ReturnRequested(order_number="A4512", reason="too small"), "return", "Return of order A4512", True),
        (HandoverRequested(reason="not_understood"), "callback", "Call back: not understood", True),
        (OptOutRequested(channel="voice"), "opt_out", "Does not want to be reached by voice", False),
        (CallCompleted(summary="Booked a cleaning.", disposition="booked"), "interaction", "Booked a cleaning.", False),
        (CallCompleted(disposition="appointment_booked"), "interaction", "appointment booked", False),
    ],
)  # fmt: skip
def test_each_event_has_its_kind_and_title(
    mapper: Mapper, event: Message, kind: str, title: str, is_open: bool
) -> None:
    event.context.CopyFrom(a_context())  # type: ignore[attr-defined]
    record = mapper.map(event)
    assert record is not None
    assert (record.kind, record.title, record.open) == (kind, title, is_open)
    assert (record.scope.tenant_id, record.scope.region, record.scope.session_id) == ("clinic", "eu", "session-1")
    assert (record.scope.correlation_id, record.scope.language) == ("corr-1", "en-US")
    assert (record.event_id, record.turn_id, record.occurred_at) == ("session-1.t1.0", "t1", AT)


def test_values_are_what_the_event_has_and_nothing_empty(mapper: Mapper) -> None:
    event = CallCompleted(
        context=a_context(),
        disposition="appointment_booked",
        intents=["book_appointment", "ask_price"],
        slots=[Slot(name="service", value="cleaning"), Slot(name="note", value="")],
    )
    event.duration.FromMilliseconds(61_250)
    event.sentiment.score = -0.25
    record = mapper.map(event)
    assert record is not None
    assert dict(record.fields) == {
        "disposition": "appointment_booked",
        "intents": "book_appointment, ask_price",
        "service": "cleaning",
        "duration_s": "61.250",
        "sentiment": "-0.25",
    }


@pytest.mark.parametrize(
    ("confidence", "state"), [(None, RecordState.APPLIED), (0.5, RecordState.APPLIED), (0.49, RecordState.DRAFT)]
)
def test_an_unsure_action_is_a_draft(mapper: Mapper, confidence: float | None, state: RecordState) -> None:
    record = mapper.map(AppointmentRescheduled(context=a_context(confidence), date="2026-11-26"))
    assert record is not None
    assert record.state == state
    assert record.closes == "appointment", "what it will end once it is applied"
    assert (record.escrow is not None) == (state is RecordState.DRAFT)


def test_an_interaction_is_never_a_draft(mapper: Mapper) -> None:
    record = mapper.map(CallCompleted(context=a_context(0.1)))
    assert record is not None
    assert record.state is RecordState.APPLIED


def test_the_customer_is_whom_the_call_knows_else_what_the_caller_said(mapper: Mapper) -> None:
    said = [
        Slot(name="caller", type="person_name", value="Sarah Miller"),
        Slot(name="callback", type="phone", value="+15550000002"),
    ]
    known = a_context(phone="+15550000001", customer_id="c1")
    record = mapper.map(AppointmentRequested(context=known, slots=said))
    assert record is not None
    assert record.customer == Customer("", "c1", "+15550000001", "Sarah Miller")
    record = mapper.map(AppointmentRequested(context=a_context(), slots=said))
    assert record is not None
    assert record.customer == Customer("", "", "+15550000002", "Sarah Miller")


def test_what_is_doubted_of_the_customer_is_nobodys_yet(mapper: Mapper) -> None:
    said = [
        Slot(name="caller", type="person_name", value="Sandra Mueller", confidence=0.2),
        Slot(name="callback", type="phone", value="+15550000002", confidence=0.9),
    ]
    record = mapper.map(AppointmentRequested(context=a_context(), slots=said))
    assert record is not None
    assert record.escrow is not None
    assert record.escrow.person == {"name": "caller", "phone": "callback"}
    assert record.customer == Customer("", "", "+15550000002", "", phone_confidence=pytest.approx(0.9))


def test_a_record_has_the_same_id_each_time_and_another_in_another_tenant(mapper: Mapper) -> None:
    event = AppointmentRequested(context=a_context())
    first, again = mapper.map(event), mapper.map(event)
    event.context.tenant_id = "shop"
    other = mapper.map(event)
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.record_id == again.record_id != other.record_id


def test_an_event_without_a_rule_becomes_nothing(mapper: Mapper) -> None:
    assert mapper.map(RecordWritten(context=a_context())) is None


RULE = '[events."voicemesh.events.v1.OptOutRequested"]\nkind = "x"\ntitles = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("version = 1\nvendor = 'local'\n", "events: field required"),
        ("version = 2\nvendor = 'local'\n" + RULE, "version"),
        ("version = 1\nvendor = 'other'\n" + RULE, "for 'other', not for 'local'"),
        ("version = 1\nvendor = 'local'\n" + RULE + "colour = 'red'\n", "colour: no mapping has such a key"),
        ("version = 1\nvendor = 'local'\n" + RULE + "fields = {a = 'nothing.there'}\n", "no field nothing.there"),
        ("version = 1\nvendor = 'local'\n" + RULE.replace("OptOut", "NoSuch"), "no event"),
        ("not toml", "no mapping"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, text: str | None, complaint: str) -> None:
    path = tmp_path / "mapping.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        Mapper(load_mapping("local", path), review_below=0.5)
    assert "VOICEMESH_CRM_MAPPING" in str(caught.value)
