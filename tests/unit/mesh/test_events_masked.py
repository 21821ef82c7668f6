"""Nothing that the contracts call personal or secret is left of an event that is shown."""

import json

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from voicemesh.common.v1 import options_pb2

from mesh.bus.catalogue import event_types
from mesh.sensitivity import shown, whole

_DEEP = 6


def fill(message: Message, deep: int = 0) -> None:
    """Set every text in a message and its parts: `hidden` where the contract says so, else `open`."""
    for field in message.DESCRIPTOR.fields:
        sensitive = field.GetOptions().Extensions[options_pb2.sensitivity]
        text = "hidden" if sensitive else "open"
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            held = field.message_type.fields_by_name["value"]
            value[text] = text if held.type == FieldDescriptor.TYPE_STRING else 1
        elif field.message_type is not None and deep < _DEEP:
            fill(value.add() if field.is_repeated else value, deep + 1)
        elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            value.append(text)
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, text)


@pytest.mark.parametrize("kind", event_types().values(), ids=event_types())
def test_an_event_shown_has_no_personal_data_anywhere(kind: type[Message]) -> None:
    event = kind()
    fill(event)
    assert "hidden" in json.dumps(whole(event)), "the customer at least is in it"
    document = json.dumps(shown(event))
    assert "hidden" not in document
    assert "open" in document
