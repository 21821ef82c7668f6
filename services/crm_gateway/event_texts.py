"""Events' texts as every database can hold them: what comes over gRPC is checked, what an engine hears is not. Pure."""

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)


def storable_event(event: _M) -> _M:
    """Return the event, or where its texts hold U+0000 a copy without: PostgreSQL holds no such text."""
    if b"\0" not in event.SerializeToString():
        return event
    copy = type(event)()
    copy.CopyFrom(event)
    _strip(copy)
    return copy


def _strip(message: Message) -> None:
    for field, value in message.ListFields():
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            _strip_map(value, kind.fields_by_name["value"])
        elif kind is not None:
            for each in value if field.is_repeated else (value,):
                _strip(each)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                value[:] = [_stripped(each) for each in value]
            else:
                setattr(message, field.name, _stripped(value))


def _strip_map(entries: Any, value: FieldDescriptor) -> None:
    for key in list(entries):
        if value.message_type is not None:
            _strip(entries[key])
        elif value.type == FieldDescriptor.TYPE_STRING:
            entries[key] = _stripped(entries[key])


def _stripped(text: str) -> str:
    return text.replace("\0", "")
