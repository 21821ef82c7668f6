"""A mapping file: what it may say, and what is wrong with one that says something else."""

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesh.bus import event_type
from mesh.config import ConfigError
from services.crm_gateway.model import Profile
from services.crm_gateway.titles import names_of

_VERSION = 1
_VARIABLE = "VOICEMESH_CRM_MAPPING"
_PLAIN_MESSAGES = {"google.protobuf.Duration", "google.protobuf.Timestamp"}

Probability = Annotated[float, Field(ge=0, le=1)]


class Thresholds(BaseModel):
    """How sure something must be to be written without a person; each may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review_below: Probability | None = None
    """Of an event, and of each field that has none of its own."""
    review_fields: dict[str, Probability] = Field(default_factory=dict)
    """Of single fields, by name."""
    review_within_h: float | None = Field(None, gt=0, le=24 * 366)
    """Hours within which a person should have decided."""


class Each(BaseModel):
    """A field that is a list of messages: where it is, and how one of them reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    each: tuple[str, ...] = Field(min_length=1)


class Rule(Thresholds):
    """What one event becomes."""

    kind: str = Field(min_length=1, max_length=64)
    titles: tuple[str, ...] = Field(min_length=1)
    fields: dict[str, str | Each] = Field(default_factory=dict)
    slots: bool = False
    open: bool = False
    action: bool = False
    closes: str = ""
    profile: Profile = Profile.REALTIME


class MappingFile(Thresholds):
    """A mapping file."""

    version: int = Field(ge=_VERSION, le=_VERSION)
    vendor: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$")
    """Whom it is for; empty: everyone."""
    vendors: dict[str, Thresholds] = Field(default_factory=dict)
    """What single business systems ask for; it counts more than what the file or an event says."""
    events: dict[str, Rule] = Field(min_length=1)


def load_mapping(vendor: str, path: Path | None) -> MappingFile:
    """Read a mapping file; without a path the newest one that is bundled for the vendor, else for all.

    Raises:
        ConfigError: when there is none, or it cannot be used; the text names file and key, and says what to do.
    """
    bundled = resources.files("services.crm_gateway") / "mappings"
    own = bundled / f"{vendor}_v{_VERSION}.toml"
    source = path or (own if own.is_file() else bundled / f"canonical_v{_VERSION}.toml")
    try:
        mapping = MappingFile.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"{_VARIABLE}: {source} cannot be read ({error.strerror}); name a mapping file for the vendor {vendor!r}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_VARIABLE}: {source} is no mapping, for it is no TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{_VARIABLE}: {source} is no mapping: {_told(error)}") from error
    if mapping.vendor not in {"", vendor}:
        raise ConfigError(
            f"{_VARIABLE}: {source}: vendor: it is for {mapping.vendor!r}, not for {vendor!r}; take `vendor` out, "
            "or name another file"
        )
    for event, rule in mapping.events.items():
        _check(source, event, rule)
    return mapping


def _told(error: ValidationError) -> str:
    """Say what is wrong, each with its key."""
    found = {
        ".".join(str(part) for part in one["loc"] if part not in {"str", "Each"}): (
            "no mapping has such a key; take it out"
            if one["type"] == "extra_forbidden"
            else f"{one['msg'][0].lower()}{one['msg'][1:]}"
        )
        for one in error.errors(include_url=False)
    }
    return "; ".join(f"{key}: {text}" for key, text in found.items())


def _check(source: Traversable | Path, event: str, rule: Rule) -> None:
    """Raise a ConfigError where a rule asks for what the event cannot give."""

    def refuse(key: str, text: str) -> ConfigError:
        return ConfigError(f"{_VARIABLE}: {source}: events.{event}{key}: {text}")

    try:
        descriptor = cast("Descriptor", event_type(event).DESCRIPTOR)
    except LookupError:
        raise refuse("", f"there is no event {event}; the subjects of all are in docs/events.md") from None
    for name, field in rule.fields.items():
        try:
            _check_field(descriptor, field)
        except ValueError as error:
            raise refuse(f".fields.{name}", str(error)) from None
    for title in rule.titles:
        try:
            names_of(title)
        except ValueError as error:
            raise refuse(".titles", f"{title!r} is no template ({error}); write a brace as {{{{") from None
    if not rule.action and (rule.review_below is not None or rule.review_fields):
        raise refuse(".review_below", "only an action can wait for a person; set action = true, or take it out")
    unknown = [] if rule.slots else sorted(set(rule.review_fields) - set(rule.fields))
    if unknown:
        raise refuse(f".review_fields.{unknown[0]}", "the rule has no such field; name one of `fields`, or take it out")


def _check_field(descriptor: Descriptor, field: str | Each) -> None:
    """Raise a ValueError, with what to do, where a path leads to no value."""
    path = field if isinstance(field, str) else field.path
    last = _at(descriptor, path)
    message = last.message_type
    if isinstance(field, str):
        if message is not None and last.is_repeated:
            raise ValueError(f'{path} is a list; write {{ path = "{path}", each = ["..."] }}')
        if message is not None and message.full_name not in _PLAIN_MESSAGES:
            raise ValueError(f"{path} is no single value; name one of its fields: {_names(message)}")
        return
    if message is None or not last.is_repeated:
        raise ValueError(f'{path} is no list of messages; write "{path}" alone')
    for template in field.each:
        for name in names_of(template):
            _at(message, name)


def _at(descriptor: Descriptor, path: str) -> FieldDescriptor:
    here: Descriptor | None = descriptor
    field: FieldDescriptor | None = None
    for part in path.split("."):
        inside = here if field is None or not field.is_repeated else None
        field = inside.fields_by_name.get(part) if inside is not None else None
        if field is None:
            known = _names(inside) if inside is not None else "none"
            raise ValueError(f"{descriptor.full_name} has no field {path}; at {part!r} there are: {known}")
        here = field.message_type
    assert field is not None, "a path has at least one part"
    return field


def _names(descriptor: Descriptor) -> str:
    return ", ".join(sorted(descriptor.fields_by_name))
