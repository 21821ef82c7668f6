"""Actions that a domain declares in `<domains>/<domain>/actions.yaml`; see docs/actions.md."""

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mesh import logs
from mesh.config import ConfigError
from services.dialogue.actions.http import LONGEST_S, HttpAction, HttpTransport, is_safe
from services.dialogue.actions.model import Act, ActionError, ActionSpec
from services.dialogue.policy import CallInfo

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_log = logs.get_logger(__name__)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _Http(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(min_length=1)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = {}
    values: dict[Name, str] = {}


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    arguments: dict[Name, str] = {}
    optional: tuple[Name, ...] = ()
    effect: bool = False
    timeout: float | None = Field(None, gt=0, le=LONGEST_S)
    http: _Http


class ActionsFile(BaseModel):
    """What an `actions.yaml` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: dict[Name, _Declared] = {}


def _not_set_up(missing: str) -> Act:
    """Return what stands for an action whose variables are not set: it fails each time, and says why."""

    async def act(_arguments: Mapping[str, str], _call: CallInfo, /) -> Mapping[str, str]:
        raise ActionError(f"it is not set up: the environment has no {missing}")

    return act


def declared_actions(transport: HttpTransport, folder: Path | None = None) -> dict[str, list[ActionSpec]]:
    """Return what each domain declares; domains without an `actions.yaml` are left out.

    Raises:
        ConfigError: naming the file and what is wrong with it.
    """
    root: Traversable = folder if folder is not None else resources.files("voicemesh_domains")
    found = {}
    for entry in root.iterdir():
        path = entry / "actions.yaml"
        if path.is_file():
            read = _read(path)
            found[entry.name] = [_spec(name, item, transport, str(path)) for name, item in read.actions.items()]
    return found


def _read(path: "Traversable") -> ActionsFile:
    try:
        return ActionsFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML ({error}); see docs/actions.md") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg']}; see docs/actions.md") from error


def _spec(name: str, item: _Declared, transport: HttpTransport, file: str) -> ActionSpec:
    unknown = sorted(set(item.optional) - item.arguments.keys())
    if unknown:
        raise ConfigError(f"{file}: {name}: optional names {', '.join(unknown)}, which 'arguments' does not describe")
    return ActionSpec(
        name,
        _act(name, item, transport, file),
        description=item.description,
        arguments=item.arguments,
        optional=item.optional,
        effect=item.effect,
        timeout=item.timeout,
    )


def _act(name: str, item: _Declared, transport: HttpTransport, file: str) -> Act:
    wanted = [item.http.url, *item.http.headers.values()]
    missing = sorted(
        {variable for text in wanted for variable in _VARIABLE.findall(text) if variable not in os.environ}
    )
    if missing:
        _log.warning("action.not_set_up", action=name, file=file, missing=missing)
        return _not_set_up(", ".join(missing))
    url = _filled(item.http.url)
    if not is_safe(url):
        raise ConfigError(f"{file}: {name}: the address must begin with https:// (http:// only to this machine)")
    headers = {header: _filled(value) for header, value in item.http.headers.items()}
    return HttpAction(transport, url, item.http.method, headers, item.http.values)


def _filled(text: str) -> str:
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)
