"""The hot path's composition root: the only place that builds and wires it."""

from voicemesh.crm.v1 import (
    conflicts_service_pb2,
    conflicts_service_pb2_grpc,
    crm_service_pb2,
    crm_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    review_service_pb2,
    review_service_pb2_grpc,
    sync_service_pb2,
    sync_service_pb2_grpc,
    write_back_service_pb2,
    write_back_service_pb2_grpc,
)

from mesh import logs
from mesh.database import database, migrate
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.contacts import ContactStore
from services.crm_gateway.adapters.cursors import SyncStates
from services.crm_gateway.adapters.dead_letters import DeadLetters
from services.crm_gateway.adapters.erasures import ErasureStore
from services.crm_gateway.cache import ContextCache
from services.crm_gateway.config import DATABASE_VARIABLE, CrmSettings
from services.crm_gateway.conflicts.handlers import Conflicts
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.conflicts.servicer import ConflictServicer
from services.crm_gateway.conflicts.store import ConflictStore
from services.crm_gateway.handlers import Gateway
from services.crm_gateway.hub import Hub
from services.crm_gateway.listening import Listening
from services.crm_gateway.privacy.handlers import Privacy
from services.crm_gateway.privacy.servicer import PrivacyServicer
from services.crm_gateway.review.adapters.store import ReviewStore
from services.crm_gateway.review.handlers import Review
from services.crm_gateway.review.servicer import ReviewServicer
from services.crm_gateway.servicer import CrmServicer
from services.crm_gateway.sync_in.servicer import SyncServicer
from services.crm_gateway.write_back.handlers import WriteBack
from services.crm_gateway.write_back.servicer import WriteBackServicer

_COUNT_CONFLICTS_S = 15.0
_COUNT_DRAFTS_S = 15.0
_LOOK_FOR_DRAFTS_S = 1.0
_log = logs.get_logger(__name__)


async def build(settings: CrmSettings, runtime: Runtime) -> None:
    """Wire the service into the runtime.

    Raises:
        ConfigError: when the database's URL cannot be used.
    """
    url = settings.database_url()
    await migrate(url, "services.crm_gateway", variable=DATABASE_VARIABLE)
    engine = await runtime.stack.enter_async_context(database(url, variable=DATABASE_VARIABLE))
    outbox = Outbox(engine, tables.outbox)
    rules = load_rules(settings.crm_conflict_rules)
    store = ContactStore(engine, outbox, rules)
    cache = ContextCache(
        store.context,
        window_s=settings.crm_cache_window_s,
        keep_s=settings.crm_cache_keep_s,
        size=settings.crm_cache_size,
    )
    hub = Hub()
    gateway = Gateway(store, cache, hub, settings.crm_read_timeout_s)
    if settings.nats_url:
        listening = Listening(gateway, outbox, settings.crm_bus_retry_s)
        runtime.tasks.create_task(listening.run(settings.nats_url), name="crm.listening")
    else:
        _log.warning("crm.no_bus", advice="set VOICEMESH_NATS_URL: changes by other processes are seen late")
    runtime.add_servicer(
        crm_service_pb2_grpc.add_CrmServiceServicer_to_server,
        CrmServicer(gateway, hub),
        crm_service_pb2.DESCRIPTOR.services_by_name["CrmService"],
    )
    runtime.add_servicer(
        write_back_service_pb2_grpc.add_WriteBackServiceServicer_to_server,
        WriteBackServicer(WriteBack(DeadLetters(outbox))),
        write_back_service_pb2.DESCRIPTOR.services_by_name["WriteBackService"],
    )
    runtime.add_servicer(
        sync_service_pb2_grpc.add_SyncServiceServicer_to_server,
        SyncServicer(SyncStates(engine)),
        sync_service_pb2.DESCRIPTOR.services_by_name["SyncService"],
    )
    wait_s = settings.crm_erasure_wait_s if settings.nats_url else 0
    privacy = Privacy(ErasureStore(engine, outbox), settings.region, wait_s)
    runtime.tasks.create_task(privacy.run(), name="crm.erasures")
    if settings.nats_url:
        runtime.tasks.create_task(privacy.listen(settings.nats_url, settings.crm_bus_retry_s), name="crm.erased")
    runtime.add_servicer(
        privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
        PrivacyServicer(privacy),
        privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
    )
    conflicts = Conflicts(ConflictStore(engine, outbox, rules), gateway.changed)
    runtime.tasks.create_task(conflicts.count(_COUNT_CONFLICTS_S), name="crm.conflicts")
    runtime.add_servicer(
        conflicts_service_pb2_grpc.add_ConflictServiceServicer_to_server,
        ConflictServicer(conflicts),
        conflicts_service_pb2.DESCRIPTOR.services_by_name["ConflictService"],
    )
    review = Review(ReviewStore(engine, outbox, rules))
    runtime.tasks.create_task(review.count(_COUNT_DRAFTS_S), name="crm.drafts")
    runtime.add_servicer(
        review_service_pb2_grpc.add_ReviewServiceServicer_to_server,
        ReviewServicer(review, _LOOK_FOR_DRAFTS_S, runtime.draining),
        review_service_pb2.DESCRIPTOR.services_by_name["ReviewService"],
    )
