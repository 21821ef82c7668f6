"""Where the services of a mesh are, and on whose behalf the command line asks them."""

from __future__ import annotations

import json
import os
import socket
import uuid
from pathlib import Path
from typing import TypedDict

from voicemesh.common.v1.context_pb2 import RequestContext

from voicemesh_cli.failures import CliError

SERVICES = ("asr", "nlu", "tts", "crm", "consent", "dialogue")
DEFAULT_TENANT = "default"
DEFAULT_REGION = "local"
_ALIVE_TIMEOUT_S = 1.0


class MeshState(TypedDict):
    """What a running mesh writes down of itself in mesh.json: `services` maps a name to "host:port"."""

    pid: int
    services: dict[str, str]
    nats_url: str
    state_dir: str


def state_file() -> Path:
    """The file a running mesh writes: mesh.json in VOICEMESH_STATE_DIR, or in ./var where that is unset."""
    return Path(os.environ.get("VOICEMESH_STATE_DIR") or "var") / "mesh.json"


def running_mesh() -> MeshState | None:
    """The mesh that wrote the state file; None where there is no file or its dialogue no longer answers."""
    try:
        state: MeshState = json.loads(state_file().read_text(encoding="utf-8"))
        alive = _listens(state["services"]["dialogue"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CliError(f"{state_file()} is no state of a mesh ({error!r}): delete it and run `make up`.") from error
    return state if alive else None


def resolve_target(option: str | None, service: str = "dialogue") -> str:
    """Where a service of the mesh listens, as "host:port".

    The option counts first, then the environment variable VOICEMESH_<SERVICE>_TARGET (of a list
    "host:port@region,..." the first), then the mesh that `voicemesh up` keeps running.

    Raises CliError when none of them says, or when the mesh of the state file is gone.
    """
    named = option or os.environ.get(f"VOICEMESH_{service.upper()}_TARGET", "")
    if named:
        return _first(named)
    state = running_mesh()
    if state is None:
        gone = f"the mesh of {state_file()} is gone" if state_file().exists() else f"no mesh runs ({state_file()})"
        raise CliError(
            f"{gone}: start one with `make up` (or `voicemesh up`) in another terminal, or name the "
            f"{service} service with --target HOST:PORT or VOICEMESH_{service.upper()}_TARGET."
        )
    if service not in state["services"]:
        raise CliError(f"the running mesh has no {service} service: name one with --target HOST:PORT.")
    return _first(state["services"][service])


def context(
    *,
    language: str = "en-US",
    tenant: str | None = None,
    region: str | None = None,
    correlation_id: str | None = None,
    session_id: str = "",
    time_zone: str = "",
) -> RequestContext:
    """On whose behalf the command line asks.

    Tenant and region: VOICEMESH_TENANT and VOICEMESH_REGION where not given, else "default" and "local", as in the SDK.
    The correlation id is a new one where none is given.
    """
    return RequestContext(
        tenant_id=tenant or os.environ.get("VOICEMESH_TENANT") or DEFAULT_TENANT,
        region=region or os.environ.get("VOICEMESH_REGION") or DEFAULT_REGION,
        correlation_id=correlation_id or uuid.uuid4().hex,
        language=language,
        session_id=session_id,
        time_zone=time_zone,
    )


def _first(targets: str) -> str:
    """The first of "host:port@region,..." without its region."""
    return targets.split(",", 1)[0].strip().split("@", 1)[0]


def _listens(address: str) -> bool:
    """Whether something accepts connections at "host:port"."""
    host, _, port = _first(address).rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ALIVE_TIMEOUT_S):
            return True
    except OSError:
        return False
