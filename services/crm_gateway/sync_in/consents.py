"""What the consent service publishes, kept for callers' contexts: the last word on each consent of each name."""

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection
from voicemesh.events.v1.business_events_pb2 import ConsentGranted, ConsentWithdrawn
from voicemesh.events.v1.contact_events_pb2 import ContactChanged
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus import Bus, Delivery
from mesh.database import is_away
from mesh.durations import to_datetime
from mesh.outbox import Outbox
from services.crm_gateway.adapters import consent_rows, contact_rows
from services.crm_gateway.canonical import Consent
from services.crm_gateway.events import keys_of
from services.crm_gateway.model import Scope

SOURCE = "consent"
"""Named as the source of what changed, where for others a business system is named."""


class Consents:
    """Takes in the consent service's events, each once, in any order."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def run(self, bus: Bus, region: str) -> None:
        """Take in, for ever. All processes of the region share the work."""
        consumer = await bus.consumer(
            [ConsentGranted, ConsentWithdrawn], durable=f"crm-consents-{region}", region=region, away=is_away
        )
        await consumer.run(self.on_event)

    async def on_event(self, event: Message, _: Delivery) -> None:
        """Keep what one says. Raises ``SQLAlchemyError``: then it is tried again."""
        assert isinstance(event, ConsentGranted | ConsentWithdrawn)
        context = event.context
        state = "granted" if isinstance(event, ConsentGranted) else event.reason
        said = Consent(event.channel, event.purpose, state, to_datetime(context.occurred_at))
        scope = Scope(context.tenant_id, context.region, context.correlation_id, context.language)
        async with self._outbox.transaction() as connection:
            if await self._keep(connection, scope, context, said):
                await self._outbox.add(connection, _changed(context))

    @staticmethod
    async def _keep(connection: AsyncConnection, scope: Scope, context: EventContext, said: Consent) -> bool:
        """Write it down for each name of the customer; False: it says nothing new."""
        keys = sorted(keys_of(context.customer), key=lambda key: (key.kind, key.value))
        await contact_rows.hold(connection, scope.tenant_id, [f"consent:{key.kind}:{key.value}" for key in keys])
        news = [await consent_rows.write(connection, scope, key, said, context.event_id) for key in keys]
        return any(news)


def _changed(context: EventContext) -> ContactChanged:
    event = ContactChanged(vendor=SOURCE, fields=["consents"])
    event.context.CopyFrom(context)
    event.context.event_id = f"{context.event_id}.known"
    return event
