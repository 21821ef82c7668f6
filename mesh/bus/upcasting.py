"""Versions of an event side by side: who publishes them, who reads which.

A producer publishes all versions it can make of one fact in one transaction (`seal_versions`). Version 1 has the
fact's id; version N has the same id with `.vN` behind it, for the stream drops what has an id it saw. The header
`ce-versions` names all that were published together, so that a reader knows what else is on its way.

A consumer asks for one version. Older ones are converted up to it - one step a version, `STEPS` below - but only where
the producer published none nearer to what the consumer wants: an event of an old process, or one that lies in the
stream since before. Of one fact a consumer gets exactly one event, whose id is the same whichever way it came.
A consumer of an old version hears of new ones nothing at all.

Step by step: `docs/events.md`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.events.v1 import call_events_pb2 as v1
from voicemesh.events.v2 import call_completed_pb2 as v2

from mesh.bus.catalogue import PACKAGE
from mesh.bus.envelope import Envelope, EventError, attribute, context_of, seal, stream_of, subjects_of

VERSIONS_HEADER = "ce-versions"

EventT = TypeVar("EventT", bound=Message)
Step = Callable[[Any], Message]
"""Makes the next version of an event; its context is filled in by `up_converted`."""

_NAME = re.compile(rf"{re.escape(PACKAGE)}\.v(\d+)\.(\w+)")
_DIRECTIONS = {"inbound": v2.CALL_DIRECTION_INBOUND, "outbound": v2.CALL_DIRECTION_OUTBOUND}


def _call_completed_2(event: v1.CallCompleted) -> v2.CallCompleted:
    """Version 1 knew the transcript's place alone, and no numbers of turns."""
    made = v2.CallCompleted(
        disposition=event.disposition,
        summary=event.summary,
        served_intents=event.intents,
        slots=event.slots,
        outcome=event.outcome if event.HasField("outcome") else None,
        sentiment=event.sentiment if event.HasField("sentiment") else None,
        duration=event.duration if event.HasField("duration") else None,
        direction=_DIRECTIONS.get(event.direction, v2.CALL_DIRECTION_UNSPECIFIED),
        domain=event.domain,
    )
    if event.transcript_reference:
        made.transcript.CopyFrom(ContentReference(uri=event.transcript_reference))
    return made


STEPS: dict[type[Message], Step] = {v1.CallCompleted: _call_completed_2}
"""From each version that has a successor, what makes it. The only place where they are registered."""


def version_of(full_name: str) -> int:
    """Give the version of an event's full name: 2 of `voicemesh.events.v2.CallCompleted`.

    Raises:
        EventError: it is no event's name.
    """
    return _parts(full_name)[0]


def versioned_id(event_id: str, version: int) -> str:
    """Give the id of a version of the fact whose version 1 has this id."""
    return event_id if version == 1 else f"{event_id}.v{version}"


def fact_id(event: Message) -> str:
    """Give the id of the fact that an event tells of: the same for all its versions.

    Raises:
        EventError: it is no event.
    """
    version = version_of(event.DESCRIPTOR.full_name)
    event_id = context_of(event).event_id
    return event_id.removesuffix(f".v{version}") if version > 1 else event_id


def seal_versions(events: Sequence[Message]) -> list[Envelope]:
    """Make versions of one fact ready for the wire, the oldest first.

    In this order they are to be published: who begins to listen in between gets the newer one.

    Raises:
        EventError: they are not of one event, not in order, or the ids of several are not those of `versioned_id`.
    """
    names = [event.DESCRIPTOR.full_name for event in events]
    versions = [version_of(name) for name in names]
    if len({_parts(name)[1] for name in names}) != 1 or versions != sorted(set(versions)):
        raise EventError(f"these are no versions of one event, the oldest first: {', '.join(names)}")
    if len(events) == 1:
        return [seal(events[0])]
    base = context_of(events[0]).event_id.removesuffix(f".v{versions[0]}")
    for event, version in zip(events, versions, strict=True):
        if context_of(event).event_id != versioned_id(base, version):
            raise EventError(
                f"the {event.DESCRIPTOR.full_name} has the id {context_of(event).event_id}, not "
                f"{versioned_id(base, version)} (see versioned_id)"
            )
    together = {VERSIONS_HEADER: ",".join(f"v{version}" for version in versions)}
    return [seal(event, together) for event in events]


def up_converted(event: Message, wanted: type[EventT]) -> EventT:
    """Make the wanted version of an event of an older version, or of that version itself.

    Raises:
        EventError: no steps lead from one to the other.
    """
    base = fact_id(event)
    made: Message = event
    while not isinstance(made, wanted):
        step = STEPS.get(type(made))
        if step is None:
            raise EventError(f"no steps lead from {event.DESCRIPTOR.full_name} to {wanted.DESCRIPTOR.full_name}")
        context = context_of(made)
        made = step(made)
        context_of(made).CopyFrom(context)
        context_of(made).event_id = versioned_id(base, version_of(made.DESCRIPTOR.full_name))
    return made


class Reading:
    """What a consumer reads: the versions of its events, where they arrive, and as what it gets them.

    Args:
        event_types: what it gets.
        region: whose events; `*`: all regions'.

    Raises:
        EventError: two versions of one event, or events of both profiles, are asked for.
    """

    def __init__(self, event_types: Sequence[type[Message]], region: str) -> None:
        if len({_parts(kind.DESCRIPTOR.full_name)[1] for kind in event_types}) != len(set(event_types)):
            raise EventError("a consumer gets one version of an event: ask for the newest one it knows")
        older = {old: kind for kind in event_types for old in _older(kind)}
        self._wanted = {old.DESCRIPTOR.full_name: kind for old, kind in older.items()}
        self.stream = stream_of(event_types)
        self.subjects = subjects_of([*event_types, *older], region)

    def take(self, event: Message, headers: Mapping[str, str]) -> Message | None:
        """Give the event in the wanted version; None: it was published in a version that is nearer to that."""
        name = event.DESCRIPTOR.full_name
        wanted = self._wanted.get(name)
        if wanted is None:
            return event
        limit = version_of(wanted.DESCRIPTOR.full_name)
        together = [int(one[1:]) for one in attribute(headers, "versions").split(",") if re.fullmatch(r"v\d+", one)]
        nearest = max((version for version in together if version <= limit), default=version_of(name))
        return up_converted(event, wanted) if nearest <= version_of(name) else None


def _older(kind: type[Message]) -> list[type[Message]]:
    """The versions that can be converted up to this one."""
    version, short = _parts(kind.DESCRIPTOR.full_name)
    found = []
    for older in STEPS:
        older_version, older_short = _parts(older.DESCRIPTOR.full_name)
        if older_short == short and older_version < version:
            found.append(older)
    return found


def _parts(full_name: str) -> tuple[int, str]:
    found = _NAME.fullmatch(full_name)
    if found is None:
        raise EventError(f"{full_name} is no event's name")
    return int(found[1]), found[2]
