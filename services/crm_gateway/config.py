"""The CRM gateway's settings, all environment variables of the prefix VOICEMESH_."""

from pathlib import Path

from pydantic import Field, SecretStr

from mesh.config import ConfigError, ServiceSettings
from mesh.database import sqlite_url

DATABASE_VARIABLE = "VOICEMESH_CRM_DATABASE_URL"
ALL_TENANTS = "*"
"""Of `crm_sync_tenant`: one account there for the records of all tenants."""


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
    crm_erasure_wait_s: float = Field(
        4 * 3600.0, ge=0, description="how long the gateway waits for the dialogue to forget a contact before it does"
    )
    crm_conflict_rules: Path | None = Field(
        None, description="whose word counts where sources disagree (TOML); unset: the bundled rules"
    )

    def database_url(self) -> str:
        """Return the URL of the store."""
        return self.crm_database_url.get_secret_value() or sqlite_url(self.state_dir / "crm.db")


class CrmSyncSettings(CrmSettings):
    """Everything the sync process can be told."""

    crm_vendor: str = Field("local", description="the business system that records go to")
    crm_mapping: Path | None = Field(None, description="mapping file (TOML); unset: the vendor's bundled one")
    crm_url: str = Field("", description="address of a business system that is asked over HTTP")
    crm_client_id: str = Field("voicemesh", description="who the business system knows this mesh as")
    crm_secret: SecretStr = Field(SecretStr(""), description="its secret; of a webhook the key of the signature")
    crm_timeout_s: float = Field(10.0, gt=0, le=120, description="longest a business system may take for one answer")
    crm_concurrency: int = Field(32, ge=1, le=1000, description="records written at once by one process")
    crm_max_attempts: int = Field(10, ge=1, description="failed attempts after which a record is a dead letter")
    crm_retry_limit_s: float = Field(300.0, gt=0, description="longest wait before another attempt")
    crm_lease_s: float = Field(
        60.0, ge=1, description="a process that is silent for so long loses its records to others"
    )
    crm_rate_per_s: float = Field(500.0, gt=0, description="records a second and tenant, over all processes")
    crm_burst: float = Field(500.0, ge=1, description="records at once after a rest")
    crm_breaker_failures: int = Field(8, ge=1, description="failures in a row after which it is left alone for a while")
    crm_sync_tenant: str = Field(
        "", max_length=64, description="whose account there it is; *: one for all tenants; needed but for local records"
    )
    crm_sync_every_s: float = Field(30.0, gt=0, description="seconds between looks at what has changed there")
    crm_webhook_listen: str = Field("", description="host:port that takes its webhooks; empty: none are taken")
    crm_webhook_keys: SecretStr = Field(
        SecretStr(""), description="keys of the webhooks' signatures, base64, apart by commas: any may have signed"
    )
    crm_keep_days: float = Field(
        365.0, gt=0, description="of what was done with longer ago only keys are kept: deliveries, drafts, conflicts"
    )
    crm_batch_size: int = Field(100, ge=1, le=1000, description="records that can wait are written so many at once")
    crm_batch_wait_s: float = Field(30.0, gt=0, description="longest a record that can wait does")
    crm_review_below: float = Field(
        0.5, ge=0, le=1, description="an action with a lower confidence is a draft that waits for a person"
    )

    def account_tenant(self) -> str:
        """Return the tenant whose account the business system is; empty: it is one for all tenants.

        Raises:
            ConfigError: it is somebody else's, and the settings do not say whose. Otherwise every tenant's callers
                would be told to whoever it belongs to.
        """
        if not self.crm_sync_tenant and self.crm_vendor != "local":
            raise ConfigError(
                f"VOICEMESH_CRM_VENDOR={self.crm_vendor!r} needs VOICEMESH_CRM_SYNC_TENANT: the tenant whose account "
                f"there it is, or {ALL_TENANTS} for one account that gets the records of all tenants"
            )
        return "" if self.crm_sync_tenant == ALL_TENANTS else self.crm_sync_tenant
