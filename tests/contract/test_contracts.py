"""What every contract keeps to, beyond what the linter of protos knows."""

import importlib
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.rpc import code_pb2
from voicemesh.common.v1 import options_pb2
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested

from mesh.bus import subject_of
from mesh.errors import ErrorReason, name_of, spec_of

PROTO = Path(__file__).parents[2] / "proto"
FILES = sorted(PROTO.rglob("*.proto"))
AREAS = ("asr", "nlu", "tts", "dialogue", "crm", "consent")


def module(path: Path) -> FileDescriptor:
    name = path.relative_to(PROTO).with_suffix("").as_posix().replace("/", ".")
    return importlib.import_module(f"{name}_pb2").DESCRIPTOR


DESCRIPTORS = {path.relative_to(PROTO).as_posix(): module(path) for path in FILES}
# Messages of the events' files that are parts of one.
PARTS = {"TurnRecording"}
EVENTS = [
    message
    for name, file in DESCRIPTORS.items()
    if name.startswith("voicemesh/events/") and not name.endswith("/event.proto")
    for message in file.message_types_by_name.values()
    if message.name not in PARTS
]


def services():
    for file in DESCRIPTORS.values():
        yield from file.services_by_name.values()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_no_proto_file_is_longer_than_300_lines(path: Path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", [p for p in FILES if p.name.endswith("_service.proto")], ids=lambda p: p.name)
def test_services_stand_beside_their_messages(path: Path):
    assert path.with_name(path.name.replace("_service", "")).exists()
    assert path.parent.relative_to(PROTO).as_posix().replace("/", ".") == module(path).package


@pytest.mark.parametrize("area", AREAS)
def test_every_area_has_a_bidirectional_stream(area: str):
    found = [s for s in services() if s.full_name.startswith(f"voicemesh.{area}.")]
    assert any(m.client_streaming and m.server_streaming for s in found for m in s.methods)


def test_a_stream_begins_with_its_configuration_and_has_an_explicit_end():
    for service in services():
        for method in service.methods:
            if not method.client_streaming:
                continue
            (oneof,) = method.input_type.oneofs
            assert oneof.GetOptions().Extensions[options_pb2.oneof_rules].required, method.full_name
            names = [field.name for field in sorted(oneof.fields, key=lambda f: f.number)]
            assert names[0] in {"config", "start"}, method.full_name
            assert names[-1] == "end", method.full_name


def test_every_message_of_a_stream_to_the_client_has_its_number_and_its_place_on_the_audio_clock():
    for service in services():
        for method in service.methods:
            if method.server_streaming:
                fields = method.output_type.fields_by_name
                assert fields["sequence"].type == FieldDescriptor.TYPE_UINT64, method.full_name
                assert fields["audio_offset"].message_type.full_name == "google.protobuf.Duration", method.full_name


def test_a_word_has_its_times_its_confidence_and_its_speaker():
    (word,) = (m for f in DESCRIPTORS.values() for m in f.message_types_by_name.values() if m.name == "Word")
    assert {"text", "start", "end", "confidence", "speaker"} == set(word.fields_by_name)


def test_what_people_said_and_who_they_are_is_marked_as_personal():
    # Fields of these names hold it wherever they stand.
    personal = {"phone", "phones", "emails", "display_name", "raw", "summary", "description", "wording", "digits"}
    personal |= {"customer_id", "order_number"}
    found = set()
    for file in DESCRIPTORS.values():
        for message in file.message_types_by_name.values():
            for field in message.fields:
                if field.name in personal and field.type == FieldDescriptor.TYPE_STRING:
                    found.add(field.name)
                    marked = field.GetOptions().Extensions[options_pb2.sensitivity]
                    known = message.name == "ConversationDomain"  # what a domain is for, written by its author
                    assert known or marked == options_pb2.SENSITIVITY_PERSONAL, field.full_name
    assert found == personal


@pytest.mark.parametrize(
    "name",
    [
        "voicemesh.dialogue.v1.Customer.id",
        "voicemesh.consent.v1.Evidence.reference",
        "voicemesh.consent.v1.Suppression.reason",
        "voicemesh.consent.v1.AddSuppressionRequest.reason",
        "voicemesh.consent.v1.RemoveSuppressionRequest.reason",
        "voicemesh.events.v1.AppointmentRequested.date",
        "voicemesh.events.v1.AppointmentRescheduled.time",
    ],
)
def test_what_is_personal_under_a_common_name_is_marked_too(name: str):
    field = descriptor_pool.Default().FindFieldByName(name)
    assert field.GetOptions().Extensions[options_pb2.sensitivity] == options_pb2.SENSITIVITY_PERSONAL


def test_what_resumes_a_session_is_marked_as_secret():
    for file in DESCRIPTORS.values():
        for message in file.message_types_by_name.values():
            for field in message.fields:
                if field.name == "resume_token":
                    marked = field.GetOptions().Extensions[options_pb2.sensitivity]
                    assert marked == options_pb2.SENSITIVITY_SECRET, field.full_name


@pytest.mark.parametrize("reason", [v for v in ErrorReason.values() if v], ids=ErrorReason.Name)
def test_every_error_reason_says_what_follows_from_it(reason: int):
    spec = spec_of(reason)
    assert spec.code in code_pb2.Code.values()
    assert spec.code != 0, name_of(reason)
    assert len(set(spec.metadata_keys)) == len(spec.metadata_keys)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.name)
def test_every_event_is_in_the_past_tense_and_carries_the_context_first(event):
    assert event.fields_by_name["context"].number == 1
    assert event.fields_by_name["context"].message_type.name == "EventContext"
    assert event.name.endswith(("ed", "Heard", "Made", "Written", "Withdrawn")), event.name


def test_the_context_of_a_request_and_of_an_event_name_the_same_things():
    common = {"tenant_id", "region", "correlation_id", "language", "session_id"}
    request = DESCRIPTORS["voicemesh/common/v1/context.proto"].message_types_by_name["RequestContext"]
    event = DESCRIPTORS["voicemesh/events/v1/event.proto"].message_types_by_name["EventContext"]
    assert common <= set(request.fields_by_name)
    assert common <= set(event.fields_by_name)


def test_subjects_follow_from_the_name_and_the_region():
    event = AppointmentRequested()
    event.context.event_id, event.context.tenant_id, event.context.region = "e", "t", "eu-west"
    assert subject_of(event) == "voicemesh.events.v1.AppointmentRequested.eu-west"


def test_numbers_that_may_be_unknown_can_be_absent():
    for file in DESCRIPTORS.values():
        for message in file.message_types_by_name.values():
            for field in message.fields:
                if field.name in {"confidence", "stability"}:
                    assert field.has_presence, field.full_name
                    assert field.type == FieldDescriptor.TYPE_DOUBLE


def test_the_stubs_say_that_they_have_types():
    assert (PROTO.parent / "stubs/voicemesh/py.typed").is_file()


def test_every_request_that_is_no_stream_says_on_whose_behalf_it_is():
    for service in services():
        for method in service.methods:
            if method.client_streaming:
                continue
            fields = {
                field.message_type.full_name
                for asked in [method.input_type, *(f.message_type for f in method.input_type.fields if f.message_type)]
                for field in asked.fields
                if field.name == "context"
            }
            assert fields == {"voicemesh.common.v1.RequestContext"}, method.full_name
