"""What the rules on proto fields (`common/v1/options.proto`) ask of one value: a text, a number, a length of time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from voicemesh.common.v1 import options_pb2

from mesh.errors import ErrorReason, MeshError

ValueCheck = Callable[[Any, str], None]
"""Checks one value; the text is the path of its field."""

DURATION = "google.protobuf.Duration"
TIMESTAMP = "google.protobuf.Timestamp"

# The limits that duration.proto and timestamp.proto give: some 10 000 years, and the years 1 to 9999.
_LONGEST_S = 315_576_000_000
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
_NANOS = 1_000_000_000
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def refuse(field: str, rule: str, advice: str) -> MeshError:
    """Return the INVALID_REQUEST that names a field by its path, and the rule it breaks."""
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST,
        f"{field}: {advice}",
        metadata={"field": field, "rule": rule},
    )


def value_checks(field: FieldDescriptor, rules: options_pb2.FieldRules) -> list[ValueCheck]:
    """Return what is asked of a field's value, or of one item of a list: all but what lies inside a message."""
    kind = field.message_type.full_name if field.message_type is not None else ""
    if kind == DURATION:
        return [_duration, *_limits(rules, _seconds, lambda value: f"{value:g} s")]
    if kind == TIMESTAMP:
        return [_timestamp, *_limits(rules, _seconds, _date)]
    checks: list[ValueCheck] = []
    if field.type == FieldDescriptor.TYPE_STRING:
        checks.append(_storable)
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        unit = "bytes" if field.type == FieldDescriptor.TYPE_BYTES else "characters"
        checks += size(rules, unit)
        checks += _pattern(rules)
    else:
        checks += _limits(rules, _same, lambda value: f"{value:g}")
    return checks


def size(rules: options_pb2.FieldRules, unit: str) -> list[ValueCheck]:
    """Return the check of a length, in `unit`; none where the rules say nothing of it."""
    if not (rules.HasField("min_size") or rules.HasField("max_size")):
        return []
    low, high = rules.min_size, rules.max_size if rules.HasField("max_size") else 1 << 62

    def check(value: Any, path: str) -> None:
        length = len(value)
        if length > high:
            raise refuse(path, "max_size", f"has {length} {unit}, at most {high} are taken; send less")
        if length < low:
            raise refuse(path, "min_size", f"has {length} {unit}, at least {low} are needed")

    return [check]


def _storable(value: Any, path: str) -> None:
    if "\0" in value:  # legal UTF-8, and yet PostgreSQL takes no such text
        raise refuse(path, "text", "holds the character U+0000; leave it out")


def _pattern(rules: options_pb2.FieldRules) -> list[ValueCheck]:
    if not rules.pattern:
        return []
    pattern = re.compile(rules.pattern)
    meaning = rules.pattern_meaning or f"a text like {rules.pattern}"

    def check(value: Any, path: str) -> None:
        if value and not pattern.fullmatch(value):
            raise refuse(path, "pattern", f"must be {meaning}")

    return [check]


def _limits(
    rules: options_pb2.FieldRules, number: Callable[[Any], float], shown: Callable[[float], str]
) -> list[ValueCheck]:
    low = rules.gte if rules.HasField("gte") else float("-inf")
    high = rules.lte if rules.HasField("lte") else float("inf")
    if low == float("-inf") and high == float("inf"):
        return []
    if high == float("inf"):
        wanted = f"at least {shown(low)}"
    elif low == float("-inf"):
        wanted = f"at most {shown(high)}"
    else:
        wanted = f"from {shown(low)} to {shown(high)}"

    def check(value: Any, path: str) -> None:
        given = number(value)
        if not low <= given <= high:  # also refuses NaN
            raise refuse(path, "range", f"is {shown(given)}, must be {wanted}")

    return [check]


def _duration(value: Any, path: str) -> None:
    seconds, nanos = value.seconds, value.nanos
    if not (-_NANOS < nanos < _NANOS and seconds * nanos >= 0):
        raise refuse(path, "nanos", "its nanos must have the sign of its seconds and be less than a second")
    if not -_LONGEST_S <= seconds <= _LONGEST_S:
        raise refuse(path, "range", f"is {seconds} s, longer than a Duration may be")


def _timestamp(value: Any, path: str) -> None:
    if not 0 <= value.nanos < _NANOS:
        raise refuse(path, "nanos", "its nanos must be from 0 to 999999999")
    if not _FIRST_S <= value.seconds <= _LAST_S:
        raise refuse(path, "range", "is no time of the years 1 to 9999")


def _same(value: Any) -> float:
    return float(value)


def _seconds(value: Any) -> float:
    return float(value.seconds + value.nanos / _NANOS)


def _date(value: float) -> str:
    return (_1970 + timedelta(seconds=value)).date().isoformat()
