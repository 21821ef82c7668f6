"""Every event of the contracts is known without being registered."""

from pathlib import Path

import pytest
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus import catalogue

_PROTO = Path(__file__).parents[3] / "proto" / "voicemesh" / "events"


def test_every_proto_file_of_the_events_is_imported() -> None:
    files = {path.stem for path in _PROTO.rglob("*.proto")}
    modules = {module.__name__.rpartition(".")[2].removesuffix("_pb2") for module in catalogue.event_modules()}
    assert modules == files
    assert {"business_events", "call_events"} <= modules


def test_events_are_found_by_name_and_what_is_no_event_is_not() -> None:
    assert catalogue.event_type("voicemesh.events.v1.AppointmentRequested") is AppointmentRequested
    assert EventContext.DESCRIPTOR.full_name not in catalogue.event_types()
    with pytest.raises(LookupError, match=r"no event voicemesh\.events\.v1\.Nothing"):
        catalogue.event_type("voicemesh.events.v1.Nothing")


def test_every_message_in_an_event_file_is_an_event_but_for_their_parts() -> None:
    for name, event in catalogue.event_types().items():
        assert name.startswith("voicemesh.events.v")
        assert event.DESCRIPTOR.fields_by_name["context"].number == 1
