"""Configuration: read once from the environment, typed, frozen; an error names the variable."""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "VOICEMESH_"
SCOPES = frozenset(
    {
        *("content:transcript", "content:audio", "content:list", "content:log", "content:delete"),
        *("privacy:erase", "review:decide", "crm:operate"),
    }
)
"""What a call to some service may take."""

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")


class ConfigError(Exception):
    """The configuration cannot be used; the text names each wrong variable and what to do."""


def default_cache_dir() -> Path:
    """Return where prepared and pulled models are kept unless VOICEMESH_CACHE_DIR says otherwise."""
    return Path.home() / ".cache" / "voicemesh"


class ServiceSettings(BaseSettings):
    """What every service can be told. A field `listen` is read from VOICEMESH_LISTEN."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server; port 0 takes any free one")
    metrics_listen: str = Field("127.0.0.1:0", description="host:port of /metrics")
    region: str = Field("local", pattern=r"^[a-z0-9][a-z0-9-]*$", description="the region this process is in")
    instance: str = Field("", description="this process's name; empty: service, host and process id")
    auth_mode: Literal["local"] = Field("local", description="local: no authentication, loopback only")
    local_scopes: str = Field(
        "content:transcript,content:list,content:log,content:delete,privacy:erase,review:decide,crm:operate",
        description="what callers may do in local mode, separated by commas or spaces; hearing takes content:audio",
    )
    otlp_endpoint: str = Field("", description="where spans go by OTLP, http://host:port; empty: nowhere")
    nats_url: str = Field("", description="nats://host:port of the broker")
    state_dir: Path = Field(Path("var"), description="folder of the embedded databases")
    cache_dir: Path = Field(default_factory=default_cache_dir, description="folder of prepared models")
    ready_file: Path | None = Field(None, description="written as JSON once the service is ready")
    drain_s: float = Field(10.0, ge=0, description="seconds that calls in progress get after the first signal")
    unary_limit_s: float = Field(30.0, gt=0, description="longest unary call")
    stream_limit_s: float = Field(14_400.0, gt=0, description="longest stream")
    stall_limit_s: float = Field(10.0, gt=0, description="how long a client may leave a response unread")
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("local_scopes")
    @classmethod
    def _are_known(cls, value: str) -> str:
        unknown = sorted(_scopes(value) - SCOPES)
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no scope; there are {', '.join(sorted(SCOPES))}")
        return value

    def granted_scopes(self) -> frozenset[str]:
        """Return what callers may do in local mode."""
        return _scopes(self.local_scopes)


def _scopes(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def load(settings_class: type[SettingsT]) -> SettingsT:
    """Read the settings from the environment.

    Raises:
        ConfigError: naming each variable that is missing or wrong.
    """
    try:
        return settings_class()
    except ValidationError as error:
        lines = [
            f"  {ENV_PREFIX}{'__'.join(str(part) for part in e['loc']).upper()}: {e['msg']}"
            for e in error.errors(include_url=False)
        ]
        raise ConfigError("configuration refused; set these variables right:\n" + "\n".join(lines)) from None


def split_address(address: str, variable: str) -> tuple[str, int]:
    """Split `host:port` (an IPv6 host in brackets).

    Raises:
        ConfigError: naming `variable`.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{variable}={address!r}: expected host:port, for example 127.0.0.1:7411")
    return host.strip("[]"), int(port)
