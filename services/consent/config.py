"""The consent service's settings."""

from pydantic import Field, SecretStr

from mesh.config import ServiceSettings


class ConsentSettings(ServiceSettings):
    """Everything the consent service can be told."""

    consent_database_url: SecretStr = Field(
        SecretStr(""), description="database URL; empty: consent.db (SQLite) in the state folder"
    )
    consent_freshness_s: float = Field(60.0, gt=0, le=3600, description="seconds a decision may be relied on")
    consent_watch_limit: int = Field(10_000, ge=1, description="checks that one monitor stream may watch")
    consent_bus_retry_s: float = Field(5.0, gt=0, description="seconds between tries to reach the broker")
