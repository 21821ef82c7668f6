"""What a mesh is started from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[str, str], None]
"""Called with a process's name and "starting", "ready" or "stopping"."""


@dataclass(frozen=True)
class ServiceSpec:
    """A service process: `python -m module`.

    `target_env` is the variable that tells later services its address; empty: nobody calls it.
    `after_others` services start when all others are ready, and get their addresses.
    """

    name: str
    module: str
    target_env: str = ""
    after_others: bool = False


SERVICES = (
    ServiceSpec("asr", "services.asr", "VOICEMESH_ASR_TARGET"),
    ServiceSpec("nlu", "services.nlu", "VOICEMESH_NLU_TARGET"),
    ServiceSpec("tts", "services.tts", "VOICEMESH_TTS_TARGET"),
    ServiceSpec("crm", "services.crm_gateway", "VOICEMESH_CRM_TARGET"),
    ServiceSpec("crm-sync", "services.crm_gateway.sync"),
    ServiceSpec("consent", "services.consent", "VOICEMESH_CONSENT_TARGET"),
    ServiceSpec("dialogue", "services.dialogue", after_others=True),
)


def _silent(_name: str, _state: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class LaunchOptions:
    """How to start a mesh.

    `state_dir` keeps databases, the broker's store and ready files; it is made where it is missing. Logs are in
    `log_dir`; None: in `state_dir`/logs.
    `env` is added to every service's environment, `service_env[name]` to one service's; both win over what
    the launcher sets. `stop_grace_s` is how long a process may take to end after SIGTERM before SIGKILL.
    `stop_in_order` ends the dialogue before the services it calls, so that calls in progress come to their end;
    without it all end at once, which is faster where no call is in progress.
    """

    state_dir: Path
    services: tuple[ServiceSpec, ...] = SERVICES
    with_broker: bool = True
    region: str = "local"
    dialogue_listen: str = "127.0.0.1:0"
    otlp_endpoint: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    service_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    log_dir: Path | None = None
    ready_limit_s: float = 60.0
    stop_grace_s: float = 8.0
    stop_in_order: bool = True
    on_progress: Progress = _silent

    def log_file(self, name: str) -> Path:
        """Where the process of that name writes what it prints."""
        return (self.log_dir or self.state_dir / "logs") / f"{name}.log"

    def ready_file(self, name: str) -> Path:
        """Where the service of that name says that it serves."""
        return self.state_dir / "ready" / f"{name}.json"
