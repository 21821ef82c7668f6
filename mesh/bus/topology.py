"""What the bus is made of: its streams and how they are consumed, read from `streams.toml` and the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mesh.bus.options import DEFAULT_OPTIONS, ConsumerOptions
from mesh.config import ConfigError

FILE_VARIABLE = "VOICEMESH_STREAMS_FILE"
PREFIX = "VOICEMESH_STREAM_"
BUNDLED = Path(__file__).with_name("streams.toml")

_OVERRIDABLE = ("storage", "replicas", "max_age_s", "max_bytes", "duplicate_window_s")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Stream(BaseModel):
    """A stream as it is to be. What is older or more than it may hold goes, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")
    subjects: tuple[str, ...] = Field(min_length=1)
    storage: Literal["file", "memory"]
    replicas: int = Field(ge=1, le=5)
    max_age_s: float = Field(ge=1)
    max_bytes: int = Field(ge=-1)
    duplicate_window_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _window_fits(self) -> "Stream":
        if self.duplicate_window_s > self.max_age_s:
            raise ValueError("duplicate_window_s is longer than max_age_s: the server takes no such stream")
        return self

    def config(self) -> StreamConfig:
        """Give the configuration of a stream that is made anew."""
        return StreamConfig(
            name=self.name,
            subjects=list(self.subjects),
            storage=StorageType(self.storage),
            num_replicas=self.replicas,
            max_age=self.max_age_s,
            max_bytes=self.max_bytes,
            duplicate_window=self.duplicate_window_s,
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
        )


class Topology(BaseModel):
    """All streams, by their short names, and the consumers' policies, by the durables' names and `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    streams: dict[str, Stream] = Field(min_length=1)
    consumers: dict[str, ConsumerOptions] = Field(default_factory=dict)

    @field_validator("consumers", mode="before")
    @classmethod
    def _known_values(cls, consumers: object) -> object:
        """A dataclass would take no notice of what it does not know."""
        known = {field.name for field in fields(ConsumerOptions)}
        for name, table in consumers.items() if isinstance(consumers, dict) else ():
            unknown = sorted(set(table) - known) if isinstance(table, dict) else []
            if unknown:
                raise ValueError(f"[consumers.{name}] has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return consumers

    @field_validator("consumers")
    @classmethod
    def _above_zero(cls, consumers: dict[str, ConsumerOptions]) -> dict[str, ConsumerOptions]:
        for name, options in consumers.items():
            wrong = [value for value, given in asdict(options).items() if given <= 0]
            if wrong:
                raise ValueError(f"[consumers.{name}]: {', '.join(wrong)} must be more than 0")
        return consumers

    def consumer_options(self, durable: str | None) -> ConsumerOptions:
        """Give the policy of a consumer: its own, else the default one."""
        default = self.consumers.get("default", DEFAULT_OPTIONS)
        return self.consumers.get(durable, default) if durable else default


def load_topology(environment: Mapping[str, str] | None = None) -> Topology:
    """Read the file - the bundled one unless VOICEMESH_STREAMS_FILE names another - and what the environment overrides.

    Raises:
        ConfigError: naming the variable, or the file and its value, that is wrong.
    """
    environ = os.environ if environment is None else environment
    path = Path(environ.get(FILE_VARIABLE) or BUNDLED)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{FILE_VARIABLE}: {path} cannot be read as TOML: {error}") from error
    streams, consumers = document.get("streams"), document.get("consumers", {})
    if isinstance(consumers, dict):
        document["consumers"] = _with_defaults(consumers)
    set_by: dict[tuple[str, str], str] = {}
    if isinstance(streams, dict):
        set_by = _override(streams, environ)
    try:
        return Topology.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(_complaint(path, set_by, each) for each in error.errors())) from None


def _with_defaults(consumers: dict[str, Any]) -> dict[str, Any]:
    """Each consumer's table with what it leaves to the default one."""
    default = consumers.get("default", {})
    if not isinstance(default, dict):
        return consumers
    return {name: {**default, **own} if isinstance(own, dict) else own for name, own in consumers.items()}


def _override(streams: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Put what the environment says into the streams' tables; return which variable set which value."""
    set_by = {}
    for short, table in streams.items():
        if not (isinstance(table, dict) and _NAME.fullmatch(short)):
            continue
        for value in _OVERRIDABLE:
            own, common = f"{PREFIX}{short}_{value}".upper(), f"{PREFIX}{value}".upper()
            variable = own if environ.get(own) else common
            if environ.get(variable) and (variable == own or value == "replicas"):
                table[value] = environ[variable]
                set_by[short, value] = variable
    return set_by


def _complaint(path: Path, set_by: dict[tuple[str, str], str], error: Any) -> str:
    where = tuple(str(part) for part in error["loc"])
    variable = set_by.get((where[1], where[2])) if len(where) > 2 else None
    return f"{variable or f'{path}: ' + '.'.join(where)}: {error['msg']}"
