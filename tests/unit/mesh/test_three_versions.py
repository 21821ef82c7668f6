"""A third version of an event: whatever was published together, a consumer of any version gets the fact once."""

from itertools import combinations
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from voicemesh.events.v1 import call_events_pb2 as v1
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v2 import call_completed_pb2 as v2

from mesh.bus import fact_id, seal_versions, up_converted, versioned_id
from mesh.bus.envelope import context_of
from mesh.bus.upcasting import STEPS, Reading, version_of

_FILE = "voicemesh/events/v3/call_completed_of_a_test.proto"


def _third() -> type[Message]:
    """Version 3 of CallCompleted: a context and a code."""
    file = descriptor_pb2.FileDescriptorProto(
        name=_FILE, package="voicemesh.events.v3", syntax="proto3", dependency=["voicemesh/events/v1/event.proto"]
    )
    message = file.message_type.add(name="CallCompleted")
    kinds = descriptor_pb2.FieldDescriptorProto
    message.field.add(
        name="context",
        number=1,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_OPTIONAL,
        type_name=".voicemesh.events.v1.EventContext",
    )
    message.field.add(name="code", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("voicemesh.events.v3.CallCompleted"))


V3 = _third()
KINDS: tuple[type[Message], ...] = (v1.CallCompleted, v2.CallCompleted, V3)


@pytest.fixture(autouse=True)
def step(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_third(event: v2.CallCompleted) -> Any:
        made: Any = V3()
        made.code = event.disposition
        return made

    monkeypatch.setitem(STEPS, v2.CallCompleted, to_third)


def the_fact(kind: type[Message]) -> Message:
    """The event of one version, as its producer makes it."""
    number = version_of(kind.DESCRIPTOR.full_name)
    event: Any = kind()
    event.context.CopyFrom(EventContext(event_id=versioned_id("s1.done", number), tenant_id="t", region="local"))
    setattr(event, "code" if kind is V3 else "disposition", "booked")
    return event


@pytest.mark.parametrize("wanted", KINDS, ids=("v1", "v2", "v3"))
@pytest.mark.parametrize("published", [which for n in (1, 2, 3) for which in combinations(KINDS, n)])
def test_a_consumer_gets_the_fact_once_in_its_version(
    published: tuple[type[Message], ...], wanted: type[Message]
) -> None:
    reading = Reading([wanted], "*")
    events = [the_fact(kind) for kind in published]
    got = []
    for event, envelope in zip(events, seal_versions(events), strict=True):
        if f"{envelope.type_name}.*" in reading.subjects:
            got.append(reading.take(event, envelope.headers))
    given = [event for event in got if event is not None]
    readable = [kind for kind in published if KINDS.index(kind) <= KINDS.index(wanted)]
    assert len(given) == (1 if readable else 0)
    for event in given:
        assert isinstance(event, wanted)
        assert fact_id(event) == "s1.done"
        assert context_of(event).event_id == versioned_id("s1.done", KINDS.index(wanted) + 1)


def test_steps_are_taken_one_after_another() -> None:
    made: Any = up_converted(the_fact(v1.CallCompleted), V3)
    assert (made.code, made.context.event_id) == ("booked", "s1.done.v3")
