"""The sync process's composition root: the only place that builds and wires it."""

import asyncio
import contextlib
import hashlib
import re
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from mesh import logs
from mesh.bus import Bus, BusUnavailableError, ConsumerOptions, connect
from mesh.config import ConfigError
from mesh.database import database, is_away, migrate
from mesh.engines import installed, load_engine
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.crm_gateway import metrics, retention
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.leases import Lease
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.adapters.statements import ChangesOnly, Statements
from services.crm_gateway.config import DATABASE_VARIABLE, CrmSyncSettings
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.deliveries import Allowance
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import RemoteVendor
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.sync.attempts import DispatchOptions
from services.crm_gateway.sync.breaker import BreakerOptions
from services.crm_gateway.sync.dispatcher import Dispatcher
from services.crm_gateway.sync.handlers import Sync
from services.crm_gateway.sync.intake import Intake
from services.crm_gateway.sync_in import app as sync_in
from services.crm_gateway.sync_in.consents import Consents
from services.crm_gateway.vendors.local import LocalCrm

GROUP = "voicemesh.crm.vendors"
_SOURCE = "/voicemesh/crm-sync"
_BATCH = 128
_LEASE = timedelta(seconds=10)
_RENEW_S = 2.5
_ACK_WAIT_S = 5.0
"""Less than what is left of a lease whose holder dies: what it had comes before what is new."""
_log = logs.get_logger(__name__)


async def build(settings: CrmSyncSettings, runtime: Runtime) -> None:
    """Wire the process into the runtime.

    Raises:
        ConfigError: for a database, a vendor or a mapping that cannot be used, or without a broker.
    """
    if not settings.nats_url:
        raise ConfigError("VOICEMESH_NATS_URL is empty: the sync process lives on the broker's events")
    name, known = settings.crm_vendor, sorted({LocalCrm.name, *installed(GROUP)})
    if name not in known:
        raise ConfigError(f"VOICEMESH_CRM_VENDOR={name!r}: the business systems are {', '.join(known)}")
    account = settings.account_tenant()
    create = None if name == LocalCrm.name else load_engine(GROUP, name)
    vendor = await runtime.stack.enter_async_context(create(settings)) if create else None
    mapping = load_mapping(name, settings.crm_mapping)
    for other in sorted(set(mapping.vendors) - set(known)):
        _log.warning("crm_sync.thresholds_of_nobody", vendor=other, advice=f"vendors.NAME: one of {', '.join(known)}")
    mapper = Mapper(mapping, settings.crm_review_below, name)
    url = settings.database_url()
    await migrate(url, "services.crm_gateway", variable=DATABASE_VARIABLE)
    engine = await runtime.stack.enter_async_context(database(url, variable=DATABASE_VARIABLE))
    outbox = Outbox(engine, tables.outbox)
    work: _Embedded | _Remote = _Embedded(settings, mapper, outbox)
    if vendor is not None:
        place = f"intake:{name}:{settings.region}" + (f":{account}" if account else "")
        lease = Lease(engine, place, runtime.instance, _LEASE)
        work = _Remote(settings, mapper, outbox, vendor, lease)
        runtime.tasks.create_task(work.dispatcher.run(), name="crm-dispatch")
    keeping = Lease(engine, "retention", runtime.instance, retention.LEASE)
    retained = retention.Retention(engine, keeping, timedelta(days=settings.crm_keep_days))
    runtime.tasks.create_task(retained.run(), name="crm-retention")
    statements = ChangesOnly(Statements(load_rules(settings.crm_conflict_rules), outbox))
    sync_in.start(settings, runtime, vendor, engine=engine, outbox=outbox, statements=statements)
    runtime.tasks.create_task(_consume(settings, work, outbox), name="crm-sync")


class _Embedded:
    """Records written as their events come."""

    def __init__(self, settings: CrmSyncSettings, mapper: Mapper, outbox: Outbox) -> None:
        self._settings = settings
        self._mapper = mapper
        ledger = Ledger(outbox, load_rules(settings.crm_conflict_rules))
        self._sync = Sync(mapper, ledger, LocalCrm(), Drafts(outbox))

    async def run(self, bus: Bus) -> None:
        durable = durable_of(self._settings)
        # One at a time over all processes: a contact's records are written in the order of their events.
        options = ConsumerOptions(max_in_flight=1)
        consumer = await bus.consumer(
            self._mapper.event_types, durable=durable, region=self._settings.region, options=options, away=is_away
        )
        metrics.BUS_CONNECTED.set(1)
        await consumer.run(self._sync.on_event)


class _Remote:
    """Records queued as their events come, by one process at a time, and written by all of them."""

    def __init__(
        self, settings: CrmSyncSettings, mapper: Mapper, outbox: Outbox, vendor: RemoteVendor, lease: Lease
    ) -> None:
        self._settings = settings
        self._mapper = mapper
        account = settings.account_tenant()
        allowance = Allowance(settings.crm_rate_per_s, settings.crm_burst)
        queue = Deliveries(outbox, vendor.name, allowance, tenant_id=account)
        self.dispatcher = Dispatcher(vendor, queue, lease.holder, _dispatch_options(settings))
        rules = load_rules(settings.crm_conflict_rules)
        self._intake = Intake(mapper, outbox, queue, vendor.name, self.dispatcher.wake, rules=rules, tenant_id=account)
        self._lease = lease

    async def run(self, bus: Bus) -> None:
        """Queue events while the lease is held, for ever."""
        attempts = self._settings.crm_max_attempts
        options = ConsumerOptions(ack_wait_s=_ACK_WAIT_S, max_in_flight=_BATCH, max_attempts=attempts)
        durable, region = durable_of(self._settings), self._settings.region
        consumer = await bus.consumer(
            self._mapper.event_types, durable=durable, region=region, options=options, away=is_away
        )
        metrics.BUS_CONNECTED.set(1)
        try:
            while True:
                if await self._holds():
                    async with asyncio.TaskGroup() as tasks:
                        taking = tasks.create_task(consumer.run_batches(self._intake.on_events, size=_BATCH))
                        await self._keep()
                        taking.cancel()
                await asyncio.sleep(_RENEW_S)
        finally:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self._lease.give_up()

    async def _keep(self) -> None:
        """Renew the lease until it is lost."""
        held = True
        while held:
            await asyncio.sleep(_RENEW_S)
            held = await self._holds()

    async def _holds(self) -> bool:
        try:
            async with asyncio.timeout(_RENEW_S):
                return await self._lease.hold()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("crm_sync.no_lease", error=repr(error))
            return False


def durable_of(settings: CrmSyncSettings) -> str:
    """One place in the stream for all processes of the vendor, account and region, whatever mapping they have."""
    name, account = f"crm-sync-{settings.crm_vendor}-{settings.region}", settings.account_tenant()
    if account and settings.crm_vendor != LocalCrm.name:
        # A tenant may be called what the broker's names cannot hold.
        fits = re.fullmatch(r"[A-Za-z0-9_-]+", account)
        name += f"-of-{account if fits else hashlib.sha256(account.encode()).hexdigest()[:16]}"
    return name


def _dispatch_options(settings: CrmSyncSettings) -> DispatchOptions:
    return DispatchOptions(
        concurrency=settings.crm_concurrency,
        # An attempt asks up to four times: a token, a search, a contact, the record.
        attempt_s=4 * settings.crm_timeout_s,
        lease_s=max(settings.crm_lease_s, 5 * settings.crm_timeout_s),
        max_attempts=settings.crm_max_attempts,
        retry_limit_s=settings.crm_retry_limit_s,
        after_timeout_s=settings.crm_timeout_s,
        batch_size=settings.crm_batch_size,
        batch_wait_s=settings.crm_batch_wait_s,
        breaker=BreakerOptions(failures=settings.crm_breaker_failures),
    )


async def _consume(settings: CrmSyncSettings, work: _Embedded | _Remote, outbox: Outbox) -> None:
    """Consume and publish, for ever; a broker that is not there is tried again."""
    while True:
        try:
            async with connect(settings.nats_url, source=_SOURCE) as bus, asyncio.TaskGroup() as tasks:
                tasks.create_task(work.run(bus))
                tasks.create_task(Consents(outbox).run(bus, settings.region))
                await outbox.run(bus)
        except* BusUnavailableError as group:
            _log.warning("crm_sync.bus_unavailable", error=str(group.exceptions[0]))
        metrics.BUS_CONNECTED.set(0)
        await asyncio.sleep(settings.crm_bus_retry_s)
