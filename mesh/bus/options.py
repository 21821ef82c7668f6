"""How a consumer treats its events, and what its handler says of them."""

from collections.abc import Callable
from dataclasses import dataclass


class UnprocessableError(Exception):
    """Raised by a handler: this event will never be processed. It becomes a dead letter without another try."""


Away = Callable[[Exception], bool]
"""Says whether a failure is an outage of what a handler needs - its database, the network -, and no event's fault."""


def connection_lost(error: Exception) -> bool:
    """Say whether a handler failed because the network, or a process beyond it, is away: any ``OSError``."""
    return isinstance(error, OSError)


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """How a consumer treats its events."""

    ack_wait_s: float = 10.0
    """The server delivers an event again when it heard nothing of it for so long; a busy handler is reported."""
    max_in_flight: int = 64
    """Unacknowledged events over all processes of the durable; the server holds further ones back."""
    concurrency: int = 1
    """Events one process handles at once; 1 keeps their order."""
    max_attempts: int = 8
    """After so many failures that were no outage an event becomes a dead letter."""
    max_deliveries: int = 20
    """After so many deliveries that nobody answered - processes died over it, or were ended - likewise."""
    handler_timeout_s: float = 60.0
    """A handler that takes longer has failed."""
    retry_first_s: float = 0.25
    """The wait before the second attempt; it doubles with each."""
    retry_limit_s: float = 5.0
    """The longest wait before an attempt: so much later than an outage's end, at most, events go on."""


DEFAULT_OPTIONS = ConsumerOptions()
