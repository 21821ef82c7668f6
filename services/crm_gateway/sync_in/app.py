"""Wires taking in what the sync process's business system says."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.config import ConfigError
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.crm_gateway.adapters.change_intake import ChangeIntake
from services.crm_gateway.adapters.cursors import Cursor
from services.crm_gateway.adapters.leases import Lease
from services.crm_gateway.adapters.vendor_changes import Takes, VendorChanges
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.model import Scope
from services.crm_gateway.standard_webhooks import key_of
from services.crm_gateway.sync.breaker import BreakerOptions
from services.crm_gateway.sync_in.model import ChangeSource
from services.crm_gateway.sync_in.poller import Poller, PollOptions
from services.crm_gateway.sync_in.server import listener, serve
from services.crm_gateway.sync_in.webhooks import Sender, application


def start(
    settings: CrmSyncSettings,
    runtime: Runtime,
    vendor: object,
    *,
    engine: AsyncEngine,
    outbox: Outbox,
    statements: Takes,
) -> None:
    """Begin to take in what a business system says, where that is asked for.

    Raises:
        ConfigError: the settings do not go together, or the webhooks' address cannot be had.
    """
    tenant_id = settings.account_tenant()
    source = _source(vendor, settings) if tenant_id else None
    if source is None:
        if settings.crm_webhook_listen:
            raise ConfigError(
                "VOICEMESH_CRM_WEBHOOK_LISTEN needs a VOICEMESH_CRM_SYNC_TENANT that names one tenant, whose account "
                "sends them, and a business system that says what has changed"
            )
        return
    scope = Scope(tenant_id, settings.region, "", "")
    cursor = Cursor(engine, scope, source.name)
    intake = ChangeIntake(VendorChanges(source.name, outbox, statements), cursor, scope)
    options = PollOptions(
        every_s=settings.crm_sync_every_s,
        # A page asks up to three times: with a token that is too old, for a new one, and again.
        page_s=4 * settings.crm_timeout_s,
        retry_limit_s=settings.crm_retry_limit_s,
        breaker=BreakerOptions(failures=settings.crm_breaker_failures),
    )
    length = timedelta(seconds=max(settings.crm_lease_s, 2 * options.page_s))
    lease = Lease(engine, f"changes:{source.name}:{tenant_id}", runtime.instance, length)
    runtime.tasks.create_task(Poller(source, cursor, intake, lease, options=options).run(), name="crm-changes")
    if settings.crm_webhook_listen:
        sender = Sender(source, intake, _keys(settings))
        sock = listener(settings.crm_webhook_listen)
        runtime.stack.callback(sock.close)
        runtime.tasks.create_task(serve(application([sender]), sock), name="crm-webhooks")


def _source(vendor: Any, settings: CrmSyncSettings) -> ChangeSource | None:
    """Return the business system as one that says what has changed; None: it does not."""
    if vendor is None:
        raise ConfigError(
            f"VOICEMESH_CRM_SYNC_TENANT is set, but the business system {settings.crm_vendor!r} does not say what has "
            "changed; leave it empty"
        )
    if not (hasattr(vendor, "changes") and hasattr(vendor, "parse")):
        return None
    source: ChangeSource = vendor
    return source


def _keys(settings: CrmSyncSettings) -> list[bytes]:
    secrets = [each.strip() for each in settings.crm_webhook_keys.get_secret_value().split(",") if each.strip()]
    if not secrets:
        raise ConfigError(
            "VOICEMESH_CRM_WEBHOOK_LISTEN is set and VOICEMESH_CRM_WEBHOOK_KEYS is not: webhooks without a signature "
            "are not taken"
        )
    try:
        return [key_of(secret) for secret in secrets]
    except ValueError as error:
        raise ConfigError(f"VOICEMESH_CRM_WEBHOOK_KEYS: {error}") from None
