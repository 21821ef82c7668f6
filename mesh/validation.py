"""The rules written on proto fields (`common/v1/options.proto`), compiled once per message type.

A message type without rules costs one dictionary look-up; an audio frame costs a length comparison.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message
from voicemesh.common.v1 import options_pb2

from mesh.errors import MeshError
from mesh.rules import DURATION, TIMESTAMP, ValueCheck, refuse, size, value_checks

Check = Callable[[Any, str], None]
"""Checks one message; the text is the path of its fields, empty or ending in a dot."""

_SHOWN_OF_A_KEY = 40


def validate(message: Message, path: str = "") -> None:
    """Check a message and all messages in it.

    Raises:
        MeshError: INVALID_REQUEST naming the first field that breaks its rule by its path, such as
            `config.phrases[3]` or `start.labels["plan"]`, and the rule.
    """
    for check in _checks(message.DESCRIPTOR):
        check(message, path)


@cache
def _checks(descriptor: Descriptor) -> Sequence[Check]:
    oneofs = [oneof for oneof in descriptor.oneofs if not _is_synthetic(oneof)]
    checks = [check for oneof in oneofs if (check := _oneof(oneof)) is not None]
    for field in descriptor.fields:
        if field.containing_oneof is None or _is_synthetic(field.containing_oneof):
            checks += _field(field)
    return tuple(checks)


def _is_synthetic(oneof: OneofDescriptor) -> bool:
    # What protoc makes of a field that is `optional`.
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _oneof(oneof: OneofDescriptor) -> Check | None:
    name = oneof.name
    required = oneof.GetOptions().Extensions[options_pb2.oneof_rules].required
    members = {field.name: _value(field) for field in oneof.fields}
    if not required and not any(members.values()):
        return None

    def check(message: Any, path: str) -> None:
        which = message.WhichOneof(name)
        if which is None:
            if required:
                raise refuse(path + name, "required", f"set one of {', '.join(members)}")
            return
        for member in members[which]:
            member(getattr(message, which), path + which)

    return check


def _field(field: FieldDescriptor) -> list[Check]:
    name, present = field.name, field.has_presence
    required = _rules(field).required
    checks = _value(field)
    if not checks and not required:
        return []

    def check(message: Any, path: str) -> None:
        if present and not message.HasField(name):
            if required:
                raise _missing(path + name)
            return
        value = getattr(message, name)
        where = path + name
        for each in checks:
            each(value, where)

    return [check]


def _value(field: FieldDescriptor) -> tuple[ValueCheck, ...]:
    """What is asked of the value of a field that is set, or cannot be unset."""
    rules = _rules(field)
    # A text that can be unset can also be set to nothing; a number that can be unset may well be 0.
    empty = field.type == FieldDescriptor.TYPE_STRING or not field.has_presence
    checks: list[ValueCheck] = [_not_empty] if rules.required and empty else []
    if _is_map(field):
        checks += size(rules, "items") + _entries(field, rules)
    elif field.is_repeated:
        checks += size(rules, "items") + _items(_one(field, rules.items))
    else:
        checks += _one(field, rules)
    return tuple(checks)


def _one(field: FieldDescriptor, rules: options_pb2.FieldRules) -> list[ValueCheck]:
    checks = value_checks(field, rules)
    if field.message_type is not None and not checks and _needs_checks(field.message_type):
        return [_nested]
    return checks


def _items(checks: list[ValueCheck]) -> list[ValueCheck]:
    def check(values: Any, path: str) -> None:
        for index, value in enumerate(values):
            for each in checks:
                each(value, f"{path}[{index}]")

    return [check] if checks else []


def _entries(field: FieldDescriptor, rules: options_pb2.FieldRules) -> list[ValueCheck]:
    assert field.message_type is not None, "a map is a list of messages"
    parts = field.message_type.fields_by_name
    of_key, of_value = value_checks(parts["key"], rules.keys), _one(parts["value"], rules.items)

    def check(entries: Any, path: str) -> None:
        for key in entries:
            where = f'{path}["{str(key)[:_SHOWN_OF_A_KEY]}"]'
            for each in of_key:
                each(key, where)
            for each in of_value:
                each(entries[key], where)

    return [check] if of_key or of_value else []


def _nested(value: Any, path: str) -> None:
    validate(value, path + ".")


def _not_empty(value: Any, path: str) -> None:
    if not value:
        raise _missing(path)


def _missing(path: str) -> MeshError:
    return refuse(path, "required", "this field must be set")


@cache
def _needs_checks(descriptor: Descriptor, above: frozenset[str] = frozenset()) -> bool:
    if descriptor.full_name in above:
        return False
    above |= {descriptor.full_name}
    return any(_field_needs_checks(field, above) for field in descriptor.fields) or any(
        oneof.GetOptions().HasExtension(options_pb2.oneof_rules) for oneof in descriptor.oneofs
    )


def _field_needs_checks(field: FieldDescriptor, above: frozenset[str]) -> bool:
    if field.type == FieldDescriptor.TYPE_STRING or field.GetOptions().HasExtension(options_pb2.rules):
        return True
    kind = field.message_type
    return kind is not None and (kind.full_name in (DURATION, TIMESTAMP) or _needs_checks(kind, above))


def _rules(field: FieldDescriptor) -> options_pb2.FieldRules:
    return field.GetOptions().Extensions[options_pb2.rules]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
