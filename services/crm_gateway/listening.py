"""The hot path's ear on the bus: contacts and records that other processes wrote."""

import asyncio

from google.protobuf.message import Message
from voicemesh.events.v1.business_events_pb2 import RecordWritten
from voicemesh.events.v1.contact_events_pb2 import ContactChanged, ItemChanged, RecordCorrected
from voicemesh.events.v1.review_events_pb2 import DraftMade, DraftRejected

from mesh import logs
from mesh.bus import BusUnavailableError, Delivery, connect
from mesh.errors import MeshError
from mesh.outbox import Outbox
from services.crm_gateway import metrics
from services.crm_gateway.events import keys_of
from services.crm_gateway.handlers import Gateway
from services.crm_gateway.model import ContactKey, Scope

_SOURCE = "/voicemesh/crm"
# Drafts are shown to calls as what they are; one that is applied is a record that was written.
_HEARD = (RecordWritten, RecordCorrected, ContactChanged, ItemChanged, DraftMade, DraftRejected)
_log = logs.get_logger(__name__)


class Listening:
    """Lets calls hear of changes. No call waits for it: without the broker contexts are only less fresh."""

    def __init__(self, gateway: Gateway, outbox: Outbox, retry_s: float) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._retry_s = retry_s

    async def run(self, nats_url: str) -> None:
        """Listen and publish, for ever; a broker that is not there is tried again."""
        while True:
            try:
                async with connect(nats_url, source=_SOURCE) as bus, asyncio.TaskGroup() as tasks:
                    consumer = await bus.consumer(_HEARD, durable=None)
                    metrics.BUS_CONNECTED.set(1)
                    tasks.create_task(consumer.run(self.on_written))
                    await self._outbox.run(bus)
            except* BusUnavailableError as group:
                _log.warning("crm.bus_unavailable", error=str(group.exceptions[0]))
            metrics.BUS_CONNECTED.set(0)
            await asyncio.sleep(self._retry_s)

    async def on_written(self, event: Message, _: Delivery) -> None:
        """Have the calls of the contact look again."""
        assert isinstance(event, _HEARD)
        tenant_id = event.context.tenant_id
        keys = keys_of(event.context.customer)
        self._gateway.changed(tenant_id, keys)
        if isinstance(event, ContactChanged) and "phones" in event.fields:
            # The event names one number; calls from any other one are to learn who calls, too.
            for key in keys:
                if key.kind == "contact_id":
                    await self._tell_all(tenant_id, key)

    async def _tell_all(self, tenant_id: str, key: ContactKey) -> None:
        try:
            context = await self._gateway.contexts.read(Scope(tenant_id, "", "", ""), key)
        except MeshError as error:
            _log.warning("crm.change_half_told", error=str(error))
            return
        if context.contact is not None:
            self._gateway.changed(tenant_id, context.contact.keys)
