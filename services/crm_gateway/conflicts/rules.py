"""Conflict rules: whose word counts, as versioned data (`rules_vN.toml`, or VOICEMESH_CRM_CONFLICT_RULES)."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mesh.config import ConfigError

VARIABLE = "VOICEMESH_CRM_CONFLICT_RULES"
_VERSION = 1
_ANYBODY = "*"

Share = Annotated[float, Field(ge=0, le=1)]
Strategy = Literal["priority", "latest", "highest", "union", "append", "manual"]


class FieldRule(BaseModel):
    """How the statements of one field become its value; docs/conflicts.md says more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Strategy
    sources: dict[str, int] = Field(default_factory=dict)
    """Priorities that differ from those of the whole file."""
    settled_by: tuple[str, ...] = ("review",)
    """Sources whose word ends what others said before it."""
    fills_in: tuple[str, ...] = ()
    """Sources that count only where no other says anything; of what such a source says the first counts."""
    review_below: Share | dict[str, Share] = 0.0
    """A statement with a lower confidence counts only where nobody is surer; if it differs, a person decides.

    A table is by source, with "*" for those that are not named."""
    asked_about: tuple[str, ...] = ()
    """Sources that are never sure enough."""
    scale: tuple[str, ...] = ()
    """Of "highest": all values, the one that wins last."""
    limit: int = Field(50, ge=1, le=1000)
    """Of "union" and "append": at most so many values."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.strategy == "highest") != bool(self.scale):
            raise ValueError('give `scale`, all values with the winning one last, with strategy "highest" and no other')
        if len(set(self.scale)) != len(self.scale):
            raise ValueError("`scale` names a value twice: name each once")
        if self.strategy == "append" and ("settled_by" in self.model_fields_set or self.fills_in):
            raise ValueError('strategy "append" keeps what everybody says: leave `settled_by` and `fills_in` out')
        return self

    def is_sure(self, source: str, confidence: float | None) -> bool:
        """Return whether a source's word counts without a person's."""
        if source in self.asked_about:
            return False
        limits = self.review_below
        limit = limits.get(source, limits.get(_ANYBODY, 0.0)) if isinstance(limits, dict) else limits
        return confidence is None or confidence >= limit


class Rules(BaseModel):
    """A rules file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=_VERSION, le=_VERSION)
    """Of the file's form."""
    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Which rules these are: the conflict log holds it."""
    sources: dict[str, int]
    default: FieldRule
    fields: dict[str, FieldRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if _ANYBODY not in self.sources:
            raise ValueError('`sources` lacks "*": give the priority of sources that are not named')
        return self

    @property
    def label(self) -> str:
        """What the conflict log calls them."""
        return f"{self.name}/{self.version}"

    def of(self, field: str) -> FieldRule:
        """Return the rule of a field."""
        return self.fields.get(field, self.default)

    def priority(self, field: str, source: str) -> int:
        """Return how much a source's word counts."""
        own = self.of(field).sources
        for priorities in (own, self.sources):
            if source in priorities:
                return priorities[source]
        return own.get(_ANYBODY, self.sources[_ANYBODY])


def load_rules(path: Path | None) -> Rules:
    """Read a rules file; without a path the bundled one.

    Raises:
        ConfigError: it cannot be read or used; the text names the file, the key and what to do.
    """
    source = path or resources.files("services.crm_gateway.conflicts") / f"rules_v{_VERSION}.toml"
    try:
        return Rules.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"{VARIABLE}: {source} cannot be read ({error.strerror}); name a rules file, or nothing for the bundled one"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{VARIABLE}: {source} is no TOML: {error}; mend it there") from error
    except ValidationError as error:
        raise ConfigError(f"{VARIABLE}: {source}: {'; '.join(map(_told, error.errors()))}") from error


def _told(error: Any) -> str:
    key = ".".join(map(str, error["loc"])) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{key} is no key of a rules file; take it out, or mend its spelling (docs/conflicts.md has them all)"
    if error["type"] == "missing":
        return f"{key} is missing; add it (docs/conflicts.md has an example)"
    return f"{key}: {error['msg'].removeprefix('Value error, ')} (it is {error['input']!r:.80})"
