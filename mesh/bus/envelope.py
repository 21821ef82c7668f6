"""How an event travels: its subject, its headers, its bytes, and the way back.

Subjects are ``<message's full name>.<region>``, for example ``voicemesh.events.v1.AppointmentRequested.local``; of an
event of the early profile ``voicemesh.early.v1.UtteranceHeard.local``, so that it travels in a stream of its own.
Headers are CloudEvents 1.0 attributes in binary mode (prefix ``ce-``, values percent-encoded as its protocol bindings
ask), ``traceparent``, and ``Nats-Msg-Id``, by which the stream drops an event that comes twice.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from google.protobuf.message import DecodeError, Message
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus.catalogue import PACKAGE, event_type, is_early

STREAM_EVENTS = "VOICEMESH_EVENTS"
STREAM_EARLY = "VOICEMESH_EARLY"
STREAM_DEAD = "VOICEMESH_DEAD"
PREFIX_EVENTS = PACKAGE
PREFIX_EARLY = "voicemesh.early"
PREFIX_DEAD = "voicemesh.dead"
CONTENT_TYPE = "application/protobuf"
# NATS takes 1 MiB a message, headers included.
MAX_EVENT_BYTES = 960 * 1024

REGION_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
"""What a region is called: it is a part of subjects."""
EVENT_ID_PATTERN = r"[A-Za-z0-9._:-]{1,128}"
_REGION, _EVENT_ID = re.compile(REGION_PATTERN), re.compile(EVENT_ID_PATTERN)
# CloudEvents: printable ASCII but for the space, the double quote and the percent sign stands for itself.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class EventError(ValueError):
    """An event that cannot be published as it is; the text says what it lacks."""


class UnknownEventTypeError(LookupError):
    """An event of a type this process was not built with, for example of a newer version."""


class MalformedEventError(ValueError):
    """A message on an event subject that is no event: no type, or bytes that are no such message."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event ready for the wire."""

    event_id: str
    type_name: str
    subject: str
    payload: bytes
    headers: Mapping[str, str]

    @property
    def stream(self) -> str:
        """The stream it travels in."""
        return STREAM_EARLY if self.subject.startswith(f"{PREFIX_EARLY}.") else STREAM_EVENTS


def new_event_id() -> str:
    """Give a fresh event id."""
    return uuid.uuid4().hex


def context_of(event: Message) -> EventContext:
    """Give what every event carries; raise :class:`EventError` for a message that is no event."""
    context = getattr(event, "context", None)
    if not isinstance(context, EventContext):
        raise EventError(f"{event.DESCRIPTOR.full_name} is no event: it has no EventContext in `context`")
    return context


def subject_of(event: Message) -> str:
    """Give the subject an event is published on."""
    region = context_of(event).region
    if not _REGION.fullmatch(region):
        raise EventError(f"context.region must be lower-case letters, digits and hyphens, not {region!r}")
    return f"{_stem(type(event))}.{region}"


def subjects_of(event_types: Sequence[type[Message]], region: str) -> list[str]:
    """Give the subjects on which events of these types arrive; region ``*`` means every region."""
    if region != "*" and not _REGION.fullmatch(region):
        raise EventError(f"a region is lower-case letters, digits and hyphens, or * for all; not {region!r}")
    return [f"{_stem(event_type)}.{region}" for event_type in event_types]


def stream_of(event_types: Sequence[type[Message]]) -> str:
    """Give the stream that events of these types travel in.

    Raises:
        EventError: they travel in several streams, or there are none.
    """
    early = {is_early(event_type) for event_type in event_types}
    if len(early) != 1:
        raise EventError("a consumer reads one stream: ask for events of the final or of the early profile, not both")
    return STREAM_EARLY if early.pop() else STREAM_EVENTS


def _stem(event_type: type[Message]) -> str:
    """The subject without its region."""
    name = event_type.DESCRIPTOR.full_name
    return name.replace(PREFIX_EVENTS, PREFIX_EARLY, 1) if is_early(event_type) else name


def seal(event: Message, more_headers: Mapping[str, str] | None = None) -> Envelope:
    """Make an event ready for the wire, all but its source and trace.

    ``more_headers`` go with it. Raises :class:`EventError` when it lacks an id, a tenant or a region, or is larger than
    ``MAX_EVENT_BYTES``.
    """
    context = context_of(event)
    if not _EVENT_ID.fullmatch(context.event_id):
        raise EventError("context.event_id must be 1 to 128 letters, digits or . _ : - (see new_event_id)")
    if not context.tenant_id:
        raise EventError("context.tenant_id is empty: every event belongs to a tenant")
    subject = subject_of(event)
    payload = event.SerializeToString(deterministic=True)
    if len(payload) > MAX_EVENT_BYTES:
        raise EventError(f"an event has at most {MAX_EVENT_BYTES} bytes, this has {len(payload)}")
    attributes = {
        "specversion": "1.0",
        "id": context.event_id,
        "type": event.DESCRIPTOR.full_name,
        "time": context.occurred_at.ToJsonString() if context.HasField("occurred_at") else "",
        "subject": context.session_id,
        # Extension attributes: routing and audit need them without reading the payload.
        "tenantid": context.tenant_id,
        "region": context.region,
        "correlationid": context.correlation_id,
    }
    headers = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in attributes.items() if value}
    headers["content-type"] = CONTENT_TYPE
    headers["Nats-Msg-Id"] = context.event_id
    headers |= more_headers or {}
    return Envelope(context.event_id, event.DESCRIPTOR.full_name, subject, payload, headers)


def attribute(headers: Mapping[str, str], name: str) -> str:
    """Give a CloudEvents attribute; empty when it is not there."""
    return unquote(headers.get(f"ce-{name}", ""))


def occurred_at(headers: Mapping[str, str]) -> datetime | None:
    """Give the event's time; None when it carries none that can be read."""
    try:
        return datetime.fromisoformat(attribute(headers, "time")).astimezone(UTC)
    except ValueError:
        return None


def open_event(headers: Mapping[str, str], payload: bytes) -> Message:
    """Read an event.

    Raises :class:`UnknownEventTypeError` for a type this process does not know and :class:`MalformedEventError` when
    there is no type or the bytes are no such message.
    """
    name = attribute(headers, "type")
    if not name:
        raise MalformedEventError("the message has no ce-type header")
    if not name.startswith(f"{PREFIX_EVENTS}."):
        raise MalformedEventError(f"{name[:100]!r} is no event type")
    try:
        known = event_type(name)
    except LookupError:
        raise UnknownEventTypeError(name) from None
    try:
        event = known.FromString(payload)
    except DecodeError as error:
        raise MalformedEventError(f"the payload is no {name}: {error}") from error
    if not context_of(event).event_id:
        raise MalformedEventError(f"the {name} has no event id")
    return event
