"""Messages as they may be shown: fields marked personal or secret in the contracts are masked."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from voicemesh.common.v1 import options_pb2

PERSONAL = "[personal]"
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
