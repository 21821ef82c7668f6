"""The consent service's composition root: the only place that builds and wires."""

from datetime import timedelta

from voicemesh.consent.v1 import consent_service_pb2, consent_service_pb2_grpc

from mesh import logs
from mesh.config import ConfigError
from mesh.database import DatabaseUrlError, database, migrate, sqlite_url
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.consent.adapters import tables
from services.consent.adapters.erasure import Erasures
from services.consent.adapters.listening import Listening
from services.consent.adapters.sql import SqlStore
from services.consent.config import ConsentSettings
from services.consent.handlers import Consent
from services.consent.hub import Hub
from services.consent.monitor import Monitor
from services.consent.servicer import ConsentServicer

_VARIABLE = "VOICEMESH_CONSENT_DATABASE_URL"
_log = logs.get_logger(__name__)


async def build(settings: ConsentSettings, runtime: Runtime) -> None:
    """Wire the service into the runtime.

    Raises:
        ConfigError: the database's URL can't be used.
    """
    url = settings.consent_database_url.get_secret_value() or sqlite_url(settings.state_dir / "consent.db")
    try:
        await migrate(url, "services.consent", variable=_VARIABLE)
        engine = await runtime.stack.enter_async_context(database(url, variable=_VARIABLE))
    except DatabaseUrlError as error:
        raise ConfigError(str(error)) from error
    hub = Hub()
    outbox = Outbox(engine, tables.outbox)
    consent = Consent(SqlStore(engine, outbox), hub, timedelta(seconds=settings.consent_freshness_s))
    if settings.nats_url:
        listening = Listening(consent, hub, outbox, settings.region, settings.consent_bus_retry_s)
        runtime.tasks.create_task(listening.run(settings.nats_url), name="consent.listening")
        erasures = Erasures(outbox, hub, settings.region, settings.consent_bus_retry_s)
        runtime.tasks.create_task(erasures.listen(settings.nats_url), name="consent.erasures")
    else:
        _log.warning("consent.no_bus", advice="set VOICEMESH_NATS_URL: opt-outs of calls are not heard")
    runtime.add_servicer(
        consent_service_pb2_grpc.add_ConsentServiceServicer_to_server,
        ConsentServicer(consent, Monitor(consent, hub, settings.consent_watch_limit)),
        consent_service_pb2.DESCRIPTOR.services_by_name["ConsentService"],
    )
