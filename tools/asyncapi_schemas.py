"""JSON schemas of protobuf messages, as AsyncAPI 3 takes them: in JSON, with the contracts' own field names."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from voicemesh.common.v1 import options_pb2

from mesh.bus.envelope import EVENT_ID_PATTERN, REGION_PATTERN

_F = FieldDescriptorProto
_NUMBERS = {
    _F.TYPE_INT32: {"type": "integer", "format": "int32"},
    _F.TYPE_UINT32: {"type": "integer", "minimum": 0},
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    _F.TYPE_BOOL: {"type": "boolean"},
    # Protobuf's JSON writes 64 bits as text: not every reader of JSON has such numbers.
    _F.TYPE_INT64: {"type": "string", "format": "int64"},
    _F.TYPE_UINT64: {"type": "string", "format": "uint64"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_STRING: {"type": "string"},
}
_WELL_KNOWN = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$", "description": "Seconds."},
    "google.protobuf.Struct": {"type": "object"},
}
_CONTEXT = "voicemesh.events.v1.EventContext"
# An event that lacks one of these is not published (mesh.bus.envelope.seal).
_ALWAYS = {
    "event_id": {"pattern": f"^{EVENT_ID_PATTERN}$"},
    "tenant_id": {"minLength": 1},
    "region": {"pattern": f"^{REGION_PATTERN}$"},
}
_SENSITIVITY = {options_pb2.SENSITIVITY_PERSONAL: "personal", options_pb2.SENSITIVITY_SECRET: "secret"}
_MESSAGE_TYPE, _ENUM_TYPE, _NESTED, _NESTED_ENUM, _FIELD, _VALUE = 4, 5, 3, 4, 2, 2
"""Numbers of the fields of a descriptor, of which the paths to comments are made (descriptor.proto)."""

Path = tuple[int, ...]


class Schemas:
    """Schemas of the messages that were referred to, and all that they refer to."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._messages: dict[str, tuple[DescriptorProto, FileDescriptorProto, Path]] = {}
        self._enums: dict[str, tuple[EnumDescriptorProto, FileDescriptorProto, Path]] = {}
        self._comments: dict[tuple[str, Path], str] = {}
        for file in files.file:
            self._learn(file)
        self._made: dict[str, dict[str, Any]] = {}

    def comment(self, message: str) -> str:
        """Return what the contracts say of a message."""
        _, file, path = self._messages[message]
        return self._comments.get((file.name, path), "")

    def file_of(self, message: str) -> str:
        """Return the contract's file, relative to `proto/`."""
        return self._messages[message][1].name

    def reference(self, name: str) -> str:
        """Return a reference to a message's or enum's schema, which is made if it was not yet."""
        if name not in self._made:
            self._made[name] = {}  # a message may hold itself
            self._made[name] = self._message(name) if name in self._messages else self._enum(name)
        return f"#/components/schemas/{name}"

    def collected(self) -> dict[str, dict[str, Any]]:
        """Return the schemas that were referred to, sorted by name."""
        return dict(sorted(self._made.items()))

    def _learn(self, file: FileDescriptorProto) -> None:
        for location in file.source_code_info.location:
            text = " ".join(line.strip() for line in location.leading_comments.splitlines()).strip()
            self._comments[file.name, tuple(location.path)] = text
        for index, message in enumerate(file.message_type):
            self._learn_message(file, message, f"{file.package}.{message.name}", (_MESSAGE_TYPE, index))
        for index, enum in enumerate(file.enum_type):
            self._enums[f"{file.package}.{enum.name}"] = (enum, file, (_ENUM_TYPE, index))

    def _learn_message(self, file: FileDescriptorProto, message: DescriptorProto, name: str, path: Path) -> None:
        self._messages[name] = (message, file, path)
        for index, nested in enumerate(message.nested_type):
            self._learn_message(file, nested, f"{name}.{nested.name}", (*path, _NESTED, index))
        for index, enum in enumerate(message.enum_type):
            self._enums[f"{name}.{enum.name}"] = (enum, file, (*path, _NESTED_ENUM, index))

    def _enum(self, name: str) -> dict[str, Any]:
        enum, file, path = self._enums[name]
        values = [
            f"`{value.name}`: {self._comments.get((file.name, (*path, _VALUE, index)), '')}"
            for index, value in enumerate(enum.value)
        ]
        said = self._comments.get((file.name, path), "")
        return {
            "type": "string",
            "description": "\n".join([said, *(f"- {line}" for line in values)]),
            "enum": [value.name for value in enum.value],
        }

    def _message(self, name: str) -> dict[str, Any]:
        message, file, path = self._messages[name]
        made: dict[str, Any] = {
            "type": "object",
            "description": self._comments.get((file.name, path), ""),
            "properties": dict(self._properties(message, file, path)),
        }
        if any(field.name == "context" and field.type_name.endswith(".EventContext") for field in message.field):
            made["required"] = ["context"]
        if name == _CONTEXT:
            made["required"] = list(_ALWAYS)
            for field, limits in _ALWAYS.items():
                made["properties"][field] |= limits
        return made

    def _properties(
        self, message: DescriptorProto, file: FileDescriptorProto, path: Path
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for index, field in enumerate(message.field):
            said = self._comments.get((file.name, (*path, _FIELD, index)), "")
            made = self._field(field)
            # Beside a reference nothing else counts, so it stands in a list of one.
            made = {"allOf": [made]} if "$ref" in made else dict(made)
            made["description"] = said
            sensitivity = _SENSITIVITY.get(field.options.Extensions[options_pb2.sensitivity])
            if sensitivity is not None:
                made["x-sensitivity"] = sensitivity
            yield field.name, made

    def _field(self, field: FieldDescriptorProto) -> dict[str, Any]:
        name = field.type_name.removeprefix(".")
        if name in self._messages and self._messages[name][0].options.map_entry:
            return {"type": "object", "additionalProperties": self._kind(self._messages[name][0].field[1])}
        kind = self._kind(field)
        return {"type": "array", "items": kind} if field.label == _F.LABEL_REPEATED else kind

    def _kind(self, field: FieldDescriptorProto) -> dict[str, Any]:
        name = field.type_name.removeprefix(".")
        if not name:
            return _limited(dict(_NUMBERS[field.type]), field.options.Extensions[options_pb2.rules])
        known = _WELL_KNOWN.get(name)
        return dict(known) if known is not None else {"$ref": self.reference(name)}


def _limited(kind: dict[str, Any], rules: options_pb2.FieldRules) -> dict[str, Any]:
    """Add what the field's rules ask of one value."""
    if kind["type"] in {"integer", "number"}:
        kind |= {"minimum": rules.gte} if rules.HasField("gte") else {}
        kind |= {"maximum": rules.lte} if rules.HasField("lte") else {}
    elif kind == {"type": "string"}:
        kind |= {"minLength": rules.min_size} if rules.HasField("min_size") else {}
        kind |= {"maxLength": rules.max_size} if rules.HasField("max_size") else {}
        kind |= {"pattern": f"^({rules.pattern})?$"} if rules.pattern else {}
    return kind


def first_sentence(text: str) -> str:
    """Return a comment's first sentence."""
    head, stop, _ = text.partition(". ")
    return f"{head}." if stop else text
