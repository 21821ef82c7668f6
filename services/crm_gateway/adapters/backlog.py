"""The events that the gateway's consumers have yet to take, as the broker tells."""

from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo

from mesh.bus import STREAM_EVENTS, Bus, BusUnavailableError, cancellable

_OURS = "crm-"
_NOT_OF_CALLS = "crm-erasure-"


class EventBacklog:
    """What waits in the stream for the durable consumers of the gateway's processes, one for each business system."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def taken(self, sequence: int) -> bool:
        """Whether all of them have taken the events up to this place in the stream.

        Raises:
            BusUnavailableError: the broker does not answer.
        """
        try:
            found = await cancellable(self._bus.jetstream.consumers_info(STREAM_EVENTS))
        except (NatsError, TimeoutError, OSError) as error:
            raise BusUnavailableError(f"the broker does not list its consumers: {error!r}") from error
        ours = [one for one in found if one.name.startswith(_OURS) and not one.name.startswith(_NOT_OF_CALLS)]
        return all(_has_taken(one, sequence) for one in ours)


def _has_taken(consumer: ConsumerInfo, sequence: int) -> bool:
    idle = not consumer.num_pending and not consumer.num_ack_pending
    return idle or (consumer.ack_floor is not None and consumer.ack_floor.stream_seq >= sequence)
