"""Builds one comparison from the settings of the sync process."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mesh.bus import Bus, connect
from mesh.config import ConfigError
from mesh.database import database, migrate
from mesh.engines import installed, load_engine
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.config import DATABASE_VARIABLE, CrmSyncSettings
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.deliveries import Allowance
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import AuditableVendor
from services.crm_gateway.reconciliation.model import Report
from services.crm_gateway.reconciliation.run import Reconciliation, TakeIn
from services.crm_gateway.reconciliation.store import Rows
from services.crm_gateway.reconciliation.stream import EventStream
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.sync.app import GROUP, durable_of
from services.crm_gateway.sync.handlers import Sync
from services.crm_gateway.sync.intake import Intake
from services.crm_gateway.vendors.local import LocalCrm
from services.crm_gateway.vendors.local_audit import LocalAudit

_SOURCE = "/voicemesh/crm-reconciliation"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be compared."""

    tenant_id: str
    since: datetime
    repair: bool = False


async def reconcile(settings: CrmSyncSettings, order: Order, progress: Callable[[Report], None]) -> Report:
    """Compare the business system of the settings with what events say.

    What is repaired is queued only: the sync process writes it, at the pace the business system bears.

    Raises:
        ConfigError: for settings that cannot be used, or a business system that does not say what it holds.
        Exception: what broker, store and business system raise when they cannot be asked.
    """
    name = settings.crm_vendor
    known = sorted({LocalCrm.name, *installed(GROUP)})
    if name not in known:
        raise ConfigError(f"there is no business system {name!r}; there are {', '.join(known)}")
    if name == LocalCrm.name and not settings.nats_url:
        raise ConfigError("VOICEMESH_NATS_URL is empty: what the local records should be, only the event stream says")
    account = settings.account_tenant()
    if name != LocalCrm.name and account not in {"", order.tenant_id}:
        raise ConfigError(
            f"the account at {name} is {account!r}'s (VOICEMESH_CRM_SYNC_TENANT), not {order.tenant_id!r}'s"
        )
    async with contextlib.AsyncExitStack() as stack:
        create = None if name == LocalCrm.name else load_engine(GROUP, name)
        vendor = await stack.enter_async_context(create(settings)) if create else None
        if vendor is not None and not isinstance(vendor, AuditableVendor):
            raise ConfigError(f"{name} does not say what it holds: its adapter has no `holds` and no `written_since`")
        url = settings.database_url()
        await migrate(url, "services.crm_gateway", variable=DATABASE_VARIABLE)
        engine = await stack.enter_async_context(database(url, variable=DATABASE_VARIABLE))
        outbox = Outbox(engine, tables.outbox)
        bus = None
        if settings.nats_url:
            bus = await stack.enter_async_context(connect(settings.nats_url, source=_SOURCE))
        mapper = Mapper(load_mapping(name, settings.crm_mapping), settings.crm_review_below, name)
        work = Reconciliation(
            Report(name, order.tenant_id, order.since),
            vendor or LocalAudit(engine),
            mapper,
            Rows(engine, outbox, name, order.tenant_id) if vendor else None,
            _taking_in(settings, mapper, outbox),
            repair=order.repair,
            progress=progress,
        )
        return await work.run(_stream(settings, mapper, bus) if bus else None)


def _taking_in(settings: CrmSyncSettings, mapper: Mapper, outbox: Outbox) -> TakeIn:
    """Return what the sync process would have done with an event."""
    name, rules = settings.crm_vendor, load_rules(settings.crm_conflict_rules)
    if name == LocalCrm.name:
        return Sync(mapper, Ledger(outbox, rules), LocalCrm(), Drafts(outbox)).on_event
    queue = Deliveries(outbox, name, Allowance(settings.crm_rate_per_s, settings.crm_burst))
    # Nobody here makes deliveries: the sync process looks for new ones by itself.
    intake = Intake(mapper, outbox, queue, name, lambda: None, rules=rules)
    return lambda event, delivery: intake.on_events([(event, delivery)])


def _stream(settings: CrmSyncSettings, mapper: Mapper, bus: Bus) -> EventStream:
    return EventStream(bus, mapper.event_types, settings.region, durable_of(settings))
