"""Values of an event's fields as the texts that records hold."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.durations import seconds
from services.crm_gateway.titles import names_of

_HUMPS = re.compile(r"(?<!^)(?=[A-Z])")


def value_of(event: Message, path: str) -> str:
    """Return a field's value as text; empty when it is not set. Of a list of values all, with commas between."""
    *parents, last = path.split(".")
    message = event
    for part in parents:
        if not message.HasField(part):
            return ""
        message = getattr(message, part)
    field = cast("FieldDescriptor", message.DESCRIPTOR.fields_by_name[last])
    value = getattr(message, last)
    if field.is_repeated:
        return ", ".join(_text(field, item) for item in value)
    if field.message_type is not None and not message.HasField(last):
        return ""
    return _text(field, value)


def values_of_each(event: Message, path: str, templates: Iterable[str]) -> str:
    """Return a list of messages as text, each by the first template whose fields it has; "; " between them."""
    *parents, last = path.split(".")
    message = event
    for part in parents:
        message = getattr(message, part)
    told = (_told(item, tuple(templates)) for item in getattr(message, last))
    return "; ".join(text for text in told if text)


def _told(item: Message, templates: tuple[str, ...]) -> str:
    for template in templates:
        values: Mapping[str, str] = {name: value_of(item, name) for name in names_of(template)}
        if all(values.values()):
            return template.format_map(values)
    return ""


def _text(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, Duration):
        return f"{seconds(value):.3f}"
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    if field.enum_type is not None:
        return _enum(field.enum_type, value)
    if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
        return f"{value:.4g}"
    return str(value)


def _enum(kind: EnumDescriptor, value: int) -> str:
    """Return "caller" for SPEAKER_CALLER of Speaker; empty for what is unspecified or of a newer version."""
    known = kind.values_by_number.get(value)
    if known is None or not known.number:
        return ""
    prefix = _HUMPS.sub("_", kind.name).upper() + "_"
    return str(known.name).removeprefix(prefix).lower()
