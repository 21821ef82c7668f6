"""The rules written on proto fields (`common/v1/options.proto`), compiled once per message type.

A message type without rules costs one dictionary look-up; an audio frame costs a length comparison.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from voicemesh.common.v1 import options_pb2

from mesh.errors import ErrorReason, MeshError

Check = Callable[[Any, str], None]
"""Checks one message; the text is the path of its fields, ending in a dot."""


def validate(message: Message, path: str = "") -> None:
    """Check a message and all messages in it.

    Raises:
        MeshError: INVALID_REQUEST naming the first field that breaks its rule, and the rule.
    """
    for check in _checks(message.DESCRIPTOR):
        check(message, path)


def _refuse(field: str, rule: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        f"{field}: {advice}",
        metadata={"field": field, "rule": rule},
    )


@cache
def _needs_checks(descriptor: Descriptor, above: frozenset[str] = frozenset()) -> bool:
    if descriptor.full_name in above:
        return False
    above |= {descriptor.full_name}
    return any(
        field.type == FieldDescriptor.TYPE_STRING
        or field.GetOptions().HasExtension(options_pb2.rules)
        or (field.message_type is not None and _needs_checks(field.message_type, above))
        for field in descriptor.fields
    ) or any(oneof.GetOptions().HasExtension(options_pb2.oneof_rules) for oneof in descriptor.oneofs)


@cache
def _checks(descriptor: Descriptor) -> Sequence[Check]:
    checks: list[Check] = [
        _required_oneof(oneof.name, ", ".join(f.name for f in oneof.fields))
        for oneof in descriptor.oneofs
        if oneof.GetOptions().Extensions[options_pb2.oneof_rules].required
    ]
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            checks.append(_storable(field))
        if field.GetOptions().HasExtension(options_pb2.rules):
            checks += _field_checks(field, field.GetOptions().Extensions[options_pb2.rules])
        if field.message_type is not None and not _is_map(field) and _needs_checks(field.message_type):
            checks.append(_nested(field))
    return tuple(checks)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _required_oneof(name: str, members: str) -> Check:
    def check(message: Any, path: str) -> None:
        if message.WhichOneof(name) is None:
            raise _refuse(f"{path}{name}", "required", f"set one of {members}")

    return check


def _nested(field: FieldDescriptor) -> Check:
    name = field.name

    def check_one(message: Any, path: str) -> None:
        if message.HasField(name):
            validate(getattr(message, name), f"{path}{name}.")

    def check_all(message: Any, path: str) -> None:
        for index, item in enumerate(getattr(message, name)):
            validate(item, f"{path}{name}[{index}].")

    return check_all if field.is_repeated else check_one


def _field_checks(field: FieldDescriptor, rules: options_pb2.FieldRules) -> list[Check]:
    checks: list[Check] = []
    if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
        checks.append(_text(field))
    if rules.required:
        checks.append(_required(field))
    if rules.HasField("min_size") or rules.HasField("max_size"):
        checks.append(_size(field, rules))
    if rules.pattern:
        checks.append(_pattern(field, rules))
    if rules.HasField("gte") or rules.HasField("lte"):
        checks.append(_range(field, rules))
    return checks


def _storable(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str) -> None:
        value = getattr(message, name)
        for text in value if field.is_repeated else (value,):
            if "\0" in text:  # legal UTF-8, and yet no database takes it
                raise _refuse(path + name, "text", "holds the character U+0000; leave it out")

    return check


def _required(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str) -> None:
        present = message.HasField(name) if field.has_presence else bool(getattr(message, name))
        # A member of a oneof may be set and empty: a required text must hold something.
        if present and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            present = bool(getattr(message, name))
        if not present and not (field.containing_oneof and message.WhichOneof(field.containing_oneof.name) != name):
            raise _refuse(path + name, "required", "this field must be set")

    return check


def _text(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str) -> None:
        # PostgreSQL keeps no text with a zero character.
        if "\0" in getattr(message, name):
            raise _refuse(path + name, "text", "holds a zero character; leave it out")

    return check


def _size(field: FieldDescriptor, rules: options_pb2.FieldRules) -> Check:
    name = field.name
    low = rules.min_size if rules.HasField("min_size") else 0
    high = rules.max_size if rules.HasField("max_size") else 1 << 62
    unit = "items" if field.is_repeated else "bytes" if field.type == FieldDescriptor.TYPE_BYTES else "characters"

    def check(message: Any, path: str) -> None:
        size = len(getattr(message, name))
        if size > high:
            raise _refuse(path + name, "max_size", f"has {size} {unit}, at most {high} are taken; send less")
        if size < low:
            raise _refuse(path + name, "min_size", f"has {size} {unit}, at least {low} are needed")

    return check


def _pattern(field: FieldDescriptor, rules: options_pb2.FieldRules) -> Check:
    name, pattern = field.name, re.compile(rules.pattern)
    meaning = rules.pattern_meaning or f"a text like {rules.pattern}"

    def check(message: Any, path: str) -> None:
        value = getattr(message, name)
        for text in value if field.is_repeated else (value,):
            if text and not pattern.fullmatch(text):
                raise _refuse(path + name, "pattern", f"must be {meaning}")

    return check


def _range(field: FieldDescriptor, rules: options_pb2.FieldRules) -> Check:
    name = field.name
    low = rules.gte if rules.HasField("gte") else float("-inf")
    high = rules.lte if rules.HasField("lte") else float("inf")

    def check(message: Any, path: str) -> None:
        if field.has_presence and not message.HasField(name):
            return
        value = getattr(message, name)
        if not low <= value <= high:  # also refuses NaN
            raise _refuse(path + name, "range", f"is {value:g}, must be from {low:g} to {high:g}")

    return check
