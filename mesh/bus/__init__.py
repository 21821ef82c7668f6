"""The event bus: NATS JetStream, protobuf events, CloudEvents headers, one trace from publisher to consumer."""

from mesh.bus.cancelling import cancellable
from mesh.bus.catalogue import event_type, event_types
from mesh.bus.connection import Bus, BusUnavailableError, connect
from mesh.bus.consumer import Consumer, Delivery, Handler
from mesh.bus.envelope import (
    STREAM_DEAD,
    STREAM_EARLY,
    STREAM_EVENTS,
    Envelope,
    EventError,
    MalformedEventError,
    UnknownEventTypeError,
    new_event_id,
    seal,
    subject_of,
)
from mesh.bus.options import ConsumerOptions, UnprocessableError
from mesh.bus.upcasting import fact_id, seal_versions, up_converted, versioned_id

__all__ = [
    "STREAM_DEAD",
    "STREAM_EARLY",
    "STREAM_EVENTS",
    "Bus",
    "BusUnavailableError",
    "Consumer",
    "ConsumerOptions",
    "Delivery",
    "Envelope",
    "EventError",
    "Handler",
    "MalformedEventError",
    "UnknownEventTypeError",
    "UnprocessableError",
    "cancellable",
    "connect",
    "event_type",
    "event_types",
    "fact_id",
    "new_event_id",
    "seal",
    "seal_versions",
    "subject_of",
    "up_converted",
    "versioned_id",
]
