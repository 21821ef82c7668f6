"""Mappings: how events become records, as versioned data (`mappings/VENDOR_vN.toml`, else `canonical_vN.toml`)."""

import string
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus import event_type
from mesh.config import ConfigError
from mesh.durations import seconds, to_datetime
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope

_VERSION = 1
_TITLE_LIMIT = 500


class Rule(BaseModel):
    """What one event becomes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(min_length=1, max_length=64)
    titles: tuple[str, ...] = Field(min_length=1)
    fields: dict[str, str] = Field(default_factory=dict)
    slots: bool = False
    open: bool = False
    action: bool = False
    closes: str = ""


class Mapping_(BaseModel):  # noqa: N801  # "Mapping" is the abstract class
    """A mapping file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=_VERSION, le=_VERSION)
    vendor: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$")
    """Whom it is for; empty: everyone."""
    events: dict[str, Rule] = Field(min_length=1)


class Mapper:
    """Turns events into records by a mapping."""

    def __init__(self, mapping: Mapping_, review_below: float) -> None:
        self._rules = mapping.events
        self._review_below = review_below
        self.event_types = [_known(name) for name in mapping.events]
        for name, rule in mapping.events.items():
            _check_paths(name, rule)

    def map(self, event: Message) -> NewRecord | None:
        """Return the record an event becomes; None when the mapping has no rule for it."""
        rule = self._rules.get(event.DESCRIPTOR.full_name)
        if rule is None:
            return None
        context: EventContext = event.context  # type: ignore[attr-defined]
        slots = list(getattr(event, "slots", ())) if rule.slots else []
        fields = {slot.name: slot.value for slot in slots if slot.value}
        fields |= {name: value for name, path in rule.fields.items() if (value := _value(event, path))}
        confidence = context.confidence if context.HasField("confidence") else None
        unsure = rule.action and confidence is not None and confidence < self._review_below
        return NewRecord(
            event_id=context.event_id,
            scope=Scope(
                context.tenant_id, context.region, context.correlation_id, context.language, context.session_id
            ),
            customer=_customer(context, {slot.type: slot.value for slot in slots}),
            kind=rule.kind,
            state=RecordState.DRAFT if unsure else RecordState.APPLIED,
            title=_title(rule.titles, fields)[:_TITLE_LIMIT],
            open=rule.open,
            occurred_at=to_datetime(context.occurred_at) if context.HasField("occurred_at") else datetime.now(UTC),
            fields=fields,
            confidence=confidence,
            turn_id=context.turn_id,
            # What is not sure enough to be applied ends nothing either.
            closes="" if unsure else rule.closes,
        )


def load_mapping(vendor: str, path: Path | None) -> Mapping_:
    """Read a mapping file; without a path the newest one that is bundled for the vendor, else for all.

    Raises:
        ConfigError: when there is none, or it cannot be used.
    """
    bundled = resources.files("services.crm_gateway") / "mappings"
    own = bundled / f"{vendor}_v{_VERSION}.toml"
    source = path or (own if own.is_file() else bundled / f"canonical_v{_VERSION}.toml")
    try:
        mapping = Mapping_.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"VOICEMESH_CRM_MAPPING: {source} cannot be read ({error.strerror}); name a mapping file for the "
            f"vendor {vendor!r}"
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"VOICEMESH_CRM_MAPPING: {source} is no mapping: {error}") from error
    if mapping.vendor not in {"", vendor}:
        raise ConfigError(f"VOICEMESH_CRM_MAPPING: {source} is for {mapping.vendor!r}, not for {vendor!r}")
    return mapping


def _known(name: str) -> type[Message]:
    try:
        return event_type(name)
    except LookupError:
        raise ConfigError(f"VOICEMESH_CRM_MAPPING: there is no event {name}") from None


def _check_paths(event: str, rule: Rule) -> None:
    for path in rule.fields.values():
        descriptor = cast("Descriptor | None", _known(event).DESCRIPTOR)
        for part in path.split("."):
            field = descriptor.fields_by_name.get(part) if descriptor is not None else None
            if field is None:
                raise ConfigError(f"VOICEMESH_CRM_MAPPING: {event} has no field {path}")
            descriptor = field.message_type


def _value(event: Message, path: str) -> str:
    """Return a field's value as text; empty when it is not set."""
    *parents, last = path.split(".")
    message = event
    for part in parents:
        if not message.HasField(part):
            return ""
        message = getattr(message, part)
    field = message.DESCRIPTOR.fields_by_name[last]
    value = getattr(message, last)
    if field.is_repeated:
        return ", ".join(str(item) for item in value)
    if field.message_type is not None:
        return _message_text(value) if message.HasField(last) else ""
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return f"{value:.4g}"
    return str(value)


def _message_text(value: Message) -> str:
    return f"{seconds(value):.3f}" if isinstance(value, Duration) else str(value)


def _customer(context: EventContext, values: Mapping[str, str]) -> Customer:
    """Say who the customer is: what the call knows, else what the caller said in it (by entity type)."""
    known = context.customer
    return Customer(
        contact_id=known.contact_id,
        customer_id=known.customer_id,
        phone=known.phone or values.get("phone", ""),
        name=known.name or values.get("person_name", ""),
    )


def _title(templates: tuple[str, ...], fields: Mapping[str, str]) -> str:
    for template in templates:
        needed = [name for _, name, _, _ in string.Formatter().parse(template) if name]
        if all(fields.get(name) for name in needed):
            return template.format_map(fields).replace("_", " ")
    return templates[-1]
