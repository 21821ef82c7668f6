"""The rules on the contracts' fields: each fits its field, and what a client sends is bounded."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from voicemesh.common.v1 import options_pb2

PROTO = Path(__file__).parents[2] / "proto"
FILES = [
    importlib.import_module(path.relative_to(PROTO).with_suffix("").as_posix().replace("/", ".") + "_pb2").DESCRIPTOR
    for path in sorted(PROTO.rglob("*.proto"))
]
DURATION, TIMESTAMP = "google.protobuf.Duration", "google.protobuf.Timestamp"
TEXT, BYTES = FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES
NUMBERS = {
    FieldDescriptor.TYPE_DOUBLE,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
}


def rules_of(field: FieldDescriptor) -> options_pb2.FieldRules:
    return field.GetOptions().Extensions[options_pb2.rules]


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def all_fields() -> Iterator[FieldDescriptor]:
    for file in FILES:
        for message in file.message_types_by_name.values():
            yield from message.fields


def reachable(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """Give the fields of a message and of all messages in it, but for those of the well-known types."""
    if message.full_name in seen or message.full_name.startswith("google.protobuf."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None and not is_map(field):
            yield from reachable(field.message_type, seen)


def sent_by_clients() -> list[FieldDescriptor]:
    seen: set[str] = set()
    requests = [m.input_type for f in FILES for s in f.services_by_name.values() for m in s.methods]
    return [field for request in requests for field in reachable(request, seen)]


SENT = sent_by_clients()


def fits(field: FieldDescriptor, rules: options_pb2.FieldRules) -> None:
    """What the rules of one value ask must be something its type has."""
    kind = field.message_type.full_name if field.message_type is not None else ""
    if rules.HasField("min_size") or rules.HasField("max_size"):
        assert field.type in {TEXT, BYTES}, field.full_name
    if rules.pattern:
        assert field.type == TEXT, field.full_name
        assert rules.pattern_meaning, field.full_name
    if rules.HasField("gte") or rules.HasField("lte"):
        assert field.type in NUMBERS or kind in {DURATION, TIMESTAMP}, field.full_name
    assert not rules.HasField("items"), field.full_name
    assert not rules.HasField("keys"), field.full_name


def test_every_rule_fits_its_field() -> None:
    for field in all_fields():
        rules = options_pb2.FieldRules.FromString(rules_of(field).SerializeToString())
        if not field.is_repeated:
            fits(field, rules)
            continue
        one = field.message_type.fields_by_name["value"] if is_map(field) else field
        fits(one, rules.items)
        if is_map(field):
            fits(field.message_type.fields_by_name["key"], rules.keys)
        else:
            assert not rules.HasField("keys"), field.full_name
        for name in ("items", "keys", "min_size", "max_size"):
            rules.ClearField(name)
        rules.ClearField("required")
        assert rules == options_pb2.FieldRules(), f"{field.full_name}: rules of one item stand in `items`"


def bounded(rules: options_pb2.FieldRules) -> bool:
    return rules.HasField("max_size") or bool(rules.pattern)


@pytest.mark.parametrize(
    "field", [f for f in SENT if f.type in {TEXT, BYTES} or f.is_repeated], ids=lambda f: f.full_name
)
def test_what_a_client_sends_has_a_longest_size(field: FieldDescriptor) -> None:
    rules = rules_of(field)
    assert bounded(rules), field.full_name
    if field.is_repeated and (field.type == TEXT or is_map(field)):
        assert bounded(rules.items), field.full_name
    if is_map(field):
        assert bounded(rules.keys), field.full_name


def test_no_length_of_time_that_a_client_sends_may_be_negative() -> None:
    lengths = [f for f in SENT if f.message_type is not None and f.message_type.full_name == DURATION]
    assert lengths
    for field in lengths:
        assert rules_of(field).HasField("gte"), field.full_name
        assert rules_of(field).gte >= 0, field.full_name


def test_a_language_is_a_tag_wherever_a_client_sends_one() -> None:
    languages = [f for f in SENT if f.name == "language"]
    (pattern,) = {rules_of(f).pattern for f in languages}
    assert pattern
