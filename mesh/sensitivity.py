"""Messages as they may be shown: fields marked personal or secret in the contracts are masked."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from voicemesh.common.v1 import options_pb2

PERSONAL = "[personal]"
_ZEROS: dict[int, object] = {
    FieldDescriptor.CPPTYPE_DOUBLE: 0.0,
    FieldDescriptor.CPPTYPE_FLOAT: 0.0,
    FieldDescriptor.CPPTYPE_INT32: 0,
    FieldDescriptor.CPPTYPE_UINT32: 0,
    # Protobuf's JSON writes 64 bits as text.
    FieldDescriptor.CPPTYPE_INT64: "0",
    FieldDescriptor.CPPTYPE_UINT64: "0",
    FieldDescriptor.CPPTYPE_BOOL: False,
}
SECRET = "[secret]"  # noqa: S105 - what stands in a secret's place


def shown(message: Message) -> dict[str, Any]:
    """Return a message as a JSON document in which no personal data and no secret is left.

    Bytes are replaced by their length: audio has no place in a log.
    """
    copy = type(message)()
    copy.CopyFrom(message)
    lengths = _strip(copy)
    document: dict[str, Any] = MessageToDict(copy, preserving_proto_field_name=True)
    _mask(message, document)
    document.update(lengths)
    return document


def whole(message: Message) -> dict[str, Any]:
    """Return a message as a JSON document with everything in it, for those who may see it."""
    document: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return document


def with_zeros(message: Message, document: dict[str, Any]) -> dict[str, Any]:
    """Add the numbers and truth values that are zero to a message's document, and to those of its set parts.

    Protobuf leaves them out; a reader then cannot tell a mood of 0 from no mood.
    """
    for field in message.DESCRIPTOR.fields:
        known = document.get(field.name)
        if field.message_type is None:
            plain = not (
                field.is_repeated or field.has_presence or field.GetOptions().Extensions[options_pb2.sensitivity]
            )
            if plain and known is None and field.cpp_type in _ZEROS:
                document[field.name] = _ZEROS[field.cpp_type]
        elif isinstance(known, dict) and not field.message_type.full_name.startswith("google.protobuf."):
            if not field.message_type.GetOptions().map_entry:
                with_zeros(getattr(message, field.name), known)
        elif isinstance(known, list):
            for part, item in zip(getattr(message, field.name), known, strict=True):
                if isinstance(item, dict) and not field.message_type.full_name.startswith("google.protobuf."):
                    with_zeros(part, item)
    return document


def _strip(message: Message) -> dict[str, str]:
    lengths = {}
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_BYTES and not field.is_repeated:
            lengths[field.name] = f"[{len(value)} bytes]"
            message.ClearField(field.name)
    return lengths


def _mask(message: Message, document: dict[str, Any]) -> None:
    for field, value in message.ListFields():
        sensitivity = field.GetOptions().Extensions[options_pb2.sensitivity]
        if sensitivity == options_pb2.SENSITIVITY_SECRET:
            document[field.name] = SECRET
        elif sensitivity == options_pb2.SENSITIVITY_PERSONAL:
            document[field.name] = PERSONAL
        elif field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        elif field.is_repeated:
            document[field.name] = [shown(item) for item in value]
        elif not field.message_type.full_name.startswith("google.protobuf."):
            document[field.name] = shown(value)
