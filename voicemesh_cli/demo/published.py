"""The events that are published while the demo runs, as a bystander on the bus sees them."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import nats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.aio.msg import Msg

_MAX_EVENTS = 1_000
_VERSION = re.compile(r"\.v\d+$")


@dataclass(frozen=True)
class PublishedEvent:
    """An event on the bus: the short name of its type, its subject, its id, its size in bytes."""

    type: str
    subject: str
    event_id: str
    size: int


@contextlib.asynccontextmanager
async def listening(nats_url: str, heard: Callable[[PublishedEvent], None]) -> AsyncIterator[list[PublishedEvent]]:
    """Subscribe to voicemesh.events.> for the length of the block: the events so far, each also told to `heard`.

    A redelivery, or another version, of the same event is not counted again. At most _MAX_EVENTS are kept; later ones
    are dropped.
    """
    events: dict[str, PublishedEvent] = {}
    listed: list[PublishedEvent] = []
    client = await nats.connect(nats_url)

    async def on_message(message: Msg) -> None:
        event = _event(message)
        # Version 2 of an event has the id of version 1 with ".v2" behind it.
        fact = _VERSION.sub("", event.event_id) if "ce-versions" in (message.headers or {}) else event.event_id
        if fact in events or len(events) >= _MAX_EVENTS:
            return
        events[fact] = event
        listed.append(event)
        heard(event)

    try:
        await client.subscribe("voicemesh.events.>", cb=on_message)
        await client.flush()
        yield listed
    finally:
        await client.close()


def _event(message: Msg) -> PublishedEvent:
    headers = message.headers or {}
    full_name = unquote(headers.get("ce-type", message.subject))
    return PublishedEvent(
        type=full_name.rsplit(".", 1)[-1],
        subject=message.subject,
        event_id=unquote(headers.get("ce-id") or headers.get("Nats-Msg-Id", "")),
        size=len(message.data),
    )
