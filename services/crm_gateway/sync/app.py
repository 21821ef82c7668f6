"""The sync process's composition root: the only place that builds and wires it."""

import asyncio
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import logs
from mesh.bus import BusUnavailableError, connect
from mesh.config import ConfigError
from mesh.database import database, migrate
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.crm_gateway import metrics
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.adapters.local_crm import LocalCrm
from services.crm_gateway.config import DATABASE_VARIABLE, CrmSyncSettings
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import Vendor
from services.crm_gateway.sync.handlers import Sync

_SOURCE = "/voicemesh/crm-sync"
_VENDORS: dict[str, Callable[[], Vendor]] = {"local": LocalCrm}
_log = logs.get_logger(__name__)


async def build(settings: CrmSyncSettings, runtime: Runtime) -> None:
    """Wire the process into the runtime.

    Raises:
        ConfigError: for a database, a vendor or a mapping that cannot be used, or without a broker.
    """
    if not settings.nats_url:
        raise ConfigError("VOICEMESH_NATS_URL is empty: the sync process lives on the broker's events")
    if settings.crm_vendor not in _VENDORS:
        raise ConfigError(f"VOICEMESH_CRM_VENDOR={settings.crm_vendor!r}: the vendors are {sorted(_VENDORS)}")
    vendor = _VENDORS[settings.crm_vendor]()
    mapper = Mapper(load_mapping(settings.crm_vendor, settings.crm_mapping), settings.crm_review_below)
    url = settings.database_url()
    await migrate(url, "services.crm_gateway", variable=DATABASE_VARIABLE)
    engine = await runtime.stack.enter_async_context(database(url, variable=DATABASE_VARIABLE))
    outbox = Outbox(engine, tables.outbox)
    sync = Sync(mapper, Ledger(outbox), vendor)
    runtime.tasks.create_task(_consume(settings, sync, mapper, outbox), name="crm-sync")


async def _consume(settings: CrmSyncSettings, sync: Sync[AsyncConnection], mapper: Mapper, outbox: Outbox) -> None:
    """Consume and publish, for ever; a broker that is not there is tried again."""
    # One place in the stream for all processes of the vendor and region, whatever version of the mapping they have.
    durable = f"crm-sync-{settings.crm_vendor}-{settings.region}"
    while True:
        try:
            async with connect(settings.nats_url, source=_SOURCE) as bus, asyncio.TaskGroup() as tasks:
                consumer = await bus.consumer(mapper.event_types, durable=durable, region=settings.region)
                metrics.BUS_CONNECTED.set(1)
                tasks.create_task(consumer.run(sync.on_event))
                await outbox.run(bus)
        except* BusUnavailableError as group:
            _log.warning("crm_sync.bus_unavailable", error=str(group.exceptions[0]))
        metrics.BUS_CONNECTED.set(0)
        await asyncio.sleep(settings.crm_bus_retry_s)
