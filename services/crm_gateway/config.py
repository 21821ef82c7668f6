"""The CRM gateway's settings, all environment variables of the prefix VOICEMESH_."""

from pathlib import Path

from pydantic import Field, SecretStr

from mesh.config import ServiceSettings
from mesh.database import sqlite_url

DATABASE_VARIABLE = "VOICEMESH_CRM_DATABASE_URL"


class CrmSettings(ServiceSettings):
    """Everything the hot path can be told."""

    crm_database_url: SecretStr = Field(
        SecretStr(""), description="database URL; empty: crm.db (SQLite) in the state folder"
    )
    crm_cache_window_s: float = Field(5.0, gt=0, le=300, description="seconds a caller context counts as fresh")
    crm_cache_keep_s: float = Field(600.0, gt=0, description="seconds a stale context may still be shown at once")
    crm_cache_size: int = Field(10_000, ge=1, description="caller contexts kept")
    crm_read_timeout_s: float = Field(1.0, gt=0, description="longest a call waits for the store")
    crm_bus_retry_s: float = Field(2.0, gt=0, description="seconds between tries to reach the broker")

    def database_url(self) -> str:
        """Return the URL of the store."""
        return self.crm_database_url.get_secret_value() or sqlite_url(self.state_dir / "crm.db")


class CrmSyncSettings(CrmSettings):
    """Everything the sync process can be told."""

    crm_vendor: str = Field("local", description="the business system that records go to")
    crm_mapping: Path | None = Field(None, description="mapping file (TOML); unset: the vendor's bundled one")
    crm_review_below: float = Field(
        0.5, ge=0, le=1, description="an action with a lower confidence is a draft that waits for a person"
    )
