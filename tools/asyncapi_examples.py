"""One example of every event, as JSON with the contracts' own field names: made of the contracts, so it fits them."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

_DEEP = 3
"""How deep messages in messages are shown."""
_AT = "2026-11-24T15:30:00Z"
_TEXTS = {
    "tenant_id": "clinic",
    "region": "eu-west",
    "language": "en-US",
    "session_id": "4f1c2a",
    "turn_id": "c2",
    "domain": "clinic",
    "vendor": "simulator",
    "intent": "book_appointment",
    "field": "email",
    "media_type": "application/json",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "date": "2026-11-27",
    "time": "10:30",
}
_NUMBERS = {
    FieldDescriptor.CPPTYPE_DOUBLE: 0.5,
    FieldDescriptor.CPPTYPE_FLOAT: 0.5,
    FieldDescriptor.CPPTYPE_INT32: 2,
    FieldDescriptor.CPPTYPE_UINT32: 2,
    FieldDescriptor.CPPTYPE_INT64: 2,
    FieldDescriptor.CPPTYPE_UINT64: 2,
    FieldDescriptor.CPPTYPE_BOOL: True,
}


def example(kind: type[Message]) -> dict[str, Any]:
    """Return an event of this type with all its fields set; what is personal says so in its place."""
    event = kind()
    _fill(event, _DEEP)
    shown: dict[str, Any] = MessageToDict(event, preserving_proto_field_name=True)
    return shown


def _fill(message: Message, deep: int) -> None:
    chosen: set[str] = set()
    for field in message.DESCRIPTOR.fields:
        one_of = field.containing_oneof
        if one_of is not None and one_of.name in chosen:
            continue
        chosen |= {one_of.name} if one_of is not None else set()
        _set(message, field, deep)


def _set(message: Message, field: Any, deep: int) -> None:
    value = getattr(message, field.name)
    if field.message_type is None:
        one = _plain(field)
        if field.is_repeated:
            value.append(one)
        else:
            setattr(message, field.name, one)
    elif field.message_type.GetOptions().map_entry:
        held = field.message_type.fields_by_name["value"]
        if held.message_type is None:
            value["key"] = _plain(held)
    elif deep:
        part = value.add() if field.is_repeated else value
        part.SetInParent()
        _part(part, deep)


def _part(part: Message, deep: int) -> None:
    if isinstance(part, EventContext):
        part.CopyFrom(_context())
    elif isinstance(part, Timestamp):
        part.FromJsonString(_AT)
    elif isinstance(part, Duration):
        part.FromMilliseconds(1500)
    elif not part.DESCRIPTOR.full_name.startswith("google.protobuf."):
        _fill(part, deep - 1)


def _plain(field: Any) -> object:
    if field.enum_type is not None:
        return field.enum_type.values[min(1, len(field.enum_type.values) - 1)].number
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"bytes"
    return _NUMBERS.get(field.cpp_type, _TEXTS.get(field.name, f"a {field.name.replace('_', ' ')}"))


def _context() -> EventContext:
    context = EventContext(
        event_id="4f1c2a.c2.intent",
        tenant_id="clinic",
        region="eu-west",
        correlation_id="9d2b",
        language="en-US",
        session_id="4f1c2a",
        turn_id="c2",
        speaker=SPEAKER_CALLER,
        confidence=0.9,
        customer=CustomerReference(contact_id="7b1e"),
    )
    context.occurred_at.FromJsonString(_AT)
    context.audio_offset.FromMilliseconds(12_500)
    return context
