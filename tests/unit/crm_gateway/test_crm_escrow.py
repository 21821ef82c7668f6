"""What is not sure enough waits for a person, with what is doubtful and why."""

from pathlib import Path

import pytest
from voicemesh.common.v1.outcome_pb2 import Appointment, CallOutcome, Commitment, NextStep
from voicemesh.common.v1.speech_pb2 import SPEAKER_AGENT, SPEAKER_CALLER, Slot
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.config import ConfigError
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import NewRecord, Profile, RecordState

EVENT = "voicemesh.events.v1.AppointmentRequested"
HEAD = "version = 1\n"
RULE = f'[events."{EVENT}"]\nkind = "appointment"\ntitles = ["x"]\nslots = true\naction = true\n'


def an_appointment(
    confidence: float | None = None, *, day: float | None = None, service: float | None = None
) -> AppointmentRequested:
    context = EventContext(event_id="e1", tenant_id="clinic", region="eu", turn_id="t3", confidence=confidence)
    context.audio_offset.FromMilliseconds(12_500)
    slots = [
        Slot(name="day", value="2026-11-26", type="date", confidence=day),
        Slot(name="service", value="cleaning", type="service", confidence=service),
    ]
    return AppointmentRequested(context=context, service="cleaning", date="2026-11-26", slots=slots)


def mapped(tmp_path: Path, text: str, event: AppointmentRequested, vendor: str = "local") -> NewRecord:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    record = Mapper(load_mapping(vendor, path), 0.5, vendor).map(event)
    assert record is not None
    return record


def test_a_draft_says_what_is_doubtful_what_may_be_changed_and_where_it_was_said() -> None:
    record = Mapper(load_mapping("local", None), 0.5, "local").map(an_appointment(0.4, day=0.4, service=0.9))
    assert record is not None
    assert record.state is RecordState.DRAFT
    assert record.escrow is not None
    doubts = [(doubt.field, doubt.value, doubt.confidence, doubt.threshold) for doubt in record.escrow.doubts]
    assert doubts == [("day", "2026-11-26", 0.4, 0.5), ("date", "2026-11-26", 0.4, 0.5)], "not the event beside them"
    assert record.escrow.same == {"date": "day"}
    types = {"service": "text", "date": "date", "time": "time", "time_zone": "time_zone", "day": "date"}
    assert record.escrow.types == types, "of fields that are empty, too"
    assert (record.escrow.audio_offset_s, record.escrow.within_s) == (12.5, 86_400.0)


def test_an_event_that_is_less_sure_than_its_values_is_doubted_itself() -> None:
    record = Mapper(load_mapping("local", None), 0.5, "local").map(an_appointment(0.3, day=0.9, service=0.9))
    assert record is not None
    assert record.escrow is not None
    assert [(doubt.field, doubt.confidence) for doubt in record.escrow.doubts] == [("", 0.3)]


@pytest.mark.parametrize(
    ("text", "vendor", "doubted"),
    [
        (HEAD + RULE, "local", []),
        (HEAD + "review_below = 0.8\n" + RULE, "local", ["day"]),
        (HEAD + "review_fields = { day = 0.8 }\n" + RULE, "local", ["day"]),
        (HEAD + "review_fields = { day = 0.8 }\n" + RULE + "review_fields = { day = 0.2 }\n", "local", []),
        (HEAD + RULE + "review_below = 0.95\n", "local", ["day", "service"]),
        (HEAD + RULE + "review_fields = { service = 0.95 }\n", "local", ["service"]),
        (HEAD + RULE + "review_below = 0.95\n[vendors.simulator]\nreview_below = 0.1\n", "local", ["day", "service"]),
        (HEAD + RULE + "review_below = 0.95\n[vendors.simulator]\nreview_below = 0.1\n", "simulator", []),
        (HEAD + RULE + "[vendors.simulator]\nreview_fields = { service = 0.95 }\n", "simulator", ["service"]),
    ],
)
def test_thresholds_stand_by_vendor_event_and_field(tmp_path: Path, text: str, vendor: str, doubted: list[str]) -> None:
    escrow = mapped(tmp_path, text, an_appointment(day=0.7, service=0.9), vendor).escrow
    assert [doubt.field for doubt in escrow.doubts] == doubted if escrow else doubted == []


def test_a_value_is_sure_enough_at_its_threshold(tmp_path: Path) -> None:
    text = HEAD + RULE + "review_fields = { day = 0.7, service = 0.9 }\n"
    assert mapped(tmp_path, text, an_appointment(0.5, day=0.7, service=0.9)).state is RecordState.APPLIED
    assert mapped(tmp_path, text, an_appointment(day=None, service=None)).state is RecordState.APPLIED, "not known"


def test_the_nearest_deadline_and_the_profile_count(tmp_path: Path) -> None:
    text = HEAD + "review_within_h = 48\n" + RULE + 'profile = "batch"\nreview_within_h = 2\n'
    record = mapped(tmp_path, text, an_appointment(0.1))
    assert record.escrow is not None
    assert (record.escrow.within_s, record.profile) == (7200.0, Profile.BATCH)


def test_the_typed_outcome_of_a_call_is_in_its_record() -> None:
    outcome = CallOutcome(
        appointment=Appointment(state="requested", service="cleaning", date="2026-11-26", time="10:00"),
        next_step=NextStep(by=SPEAKER_AGENT, what="Send a reminder", due="2026-11-25"),
        commitments=[
            Commitment(by=SPEAKER_CALLER, words="bring the card", due="2026-11-26"),
            Commitment(by=SPEAKER_AGENT, words="call back"),
        ],
        wishes=["book_appointment", "ask_price"],
    )
    event = CallCompleted(context=EventContext(event_id="e1", tenant_id="clinic"), outcome=outcome)
    record = Mapper(load_mapping("local", None), 0.5, "local").map(event)
    assert record is not None
    assert dict(record.fields) == {
        "wishes": "book_appointment, ask_price",
        "next_step": "Send a reminder",
        "next_step_by": "agent",
        "next_step_due": "2026-11-25",
        "appointment": "requested",
        "appointment_service": "cleaning",
        "appointment_date": "2026-11-26",
        "appointment_time": "10:00",
        "commitments": "caller: bring the card (by 2026-11-26); agent: call back",
    }


CALL = '[events."voicemesh.events.v1.CallCompleted"]\nkind = "call"\ntitles = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        (RULE + "review_below = 1.5\n", "review_below", "less than or equal to 1"),
        (RULE + "review_fields = { day = -0.1 }\n", "review_fields.day", "greater than or equal to 0"),
        (RULE.replace("slots = true\n", "") + "review_fields = { day = 0.5 }\n", "review_fields.day", "`fields`"),
        (CALL + "review_below = 0.5\n", "review_below", "action = true"),
        (CALL + 'titles2 = ["x"]\n', "titles2", "take it out"),
        (CALL.replace('["x"]', '["{x"]'), "titles", "write a brace as {{"),
        (CALL + 'fields = { c = "outcome.commitments" }\n', "fields.c", "each ="),
        (CALL + 'fields = { c = "outcome.next_step" }\n', "fields.c", "by, due, what"),
        (CALL + 'fields = { c = { path = "outcome.next_step", each = ["{by}"] } }\n', "fields.c", "alone"),
        (CALL + 'fields = { c = { path = "outcome.commitments", each = ["{who}"] } }\n', "fields.c", "words"),
        (CALL + 'fields = { c = "outcome.commitments.by" }\n', "fields.c", "no field"),
        (CALL + "[vendors.local]\nbelow = 0.5\n", "vendors.local.below", "take it out"),
    ],
)
def test_a_broken_mapping_is_refused_with_file_key_and_remedy(tmp_path: Path, text: str, key: str, remedy: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(HEAD + text)
    with pytest.raises(ConfigError) as refused:
        load_mapping("local", path)
    told = str(refused.value)
    assert str(path) in told
    assert key in told
    assert remedy in told
