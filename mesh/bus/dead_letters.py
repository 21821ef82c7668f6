"""Dead letters: the events that a consumer gave up, kept with the reason until a person decides.

They lie in ``VOICEMESH_DEAD`` on the subject ``voicemesh.dead.CONSUMER.ORIGINAL-SUBJECT``, with the event's own headers
and four more. :func:`replay` puts one back where it came from: every consumer gets it again, at the end of the stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from mesh.bus.cancelling import cancellable
from mesh.bus.envelope import PREFIX_DEAD, PREFIX_EARLY, STREAM_DEAD, STREAM_EARLY, STREAM_EVENTS
from mesh.bus.options import UnprocessableError

_PREFIX = "Voicemesh-Dead-"
_REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer gave up."""

    number: int
    """Its place in the stream of dead letters."""
    consumer: str
    subject: str
    """Where it was published."""
    headers: Mapping[str, str]
    """The event's own."""
    payload: bytes
    error: str
    """The type of what the handler raised, of which the reason may hold personal data; empty: it was refused."""
    reason: str
    attempts: int
    """How often it was handed over; 0: not known."""


async def bury(
    jetstream: JetStreamContext, message: Msg, consumer: str, *, attempts: int, reason: Exception | str
) -> None:
    """Put a copy of an event into the dead letters; the same again changes nothing.

    ``reason`` is a text, or what the handler raised. Raises ``nats.errors.Error`` when the stream does not confirm.
    """
    sequence = message.metadata.sequence.stream
    # A handler's refusal is worded for people; anything else may hold whatever the event holds.
    error = "" if isinstance(reason, str | UnprocessableError) else type(reason).__name__
    text = f"{error}: {reason}" if error else str(reason)
    headers = {name: value for name, value in (message.headers or {}).items() if name != "Nats-Expected-Stream"}
    headers |= {
        # Not the event's own id, lest two consumers' dead letters of one event pass for one.
        "Nats-Msg-Id": f"{consumer}:{sequence}",
        f"{_PREFIX}Reason": quote(text[:_REASON_LIMIT], safe=" ,.;:()'<>=/_-+"),
        f"{_PREFIX}Consumer": consumer,
        f"{_PREFIX}Sequence": str(sequence),
        f"{_PREFIX}Attempts": str(attempts),
    }
    if error:
        headers[f"{_PREFIX}Error"] = error
    await cancellable(jetstream.publish(f"{PREFIX_DEAD}.{consumer}.{message.subject}", message.data, headers=headers))


async def next_letter(jetstream: JetStreamContext, number: int) -> DeadLetter | None:
    """Give the first dead letter from ``number`` (1 and above) on; None: there is none any more."""
    try:
        stored = await cancellable(jetstream.get_msg(STREAM_DEAD, max(number, 1), f"{PREFIX_DEAD}.>", next=True))
    except NotFoundError:
        return None
    consumer, _, subject = str(stored.subject).removeprefix(f"{PREFIX_DEAD}.").partition(".")
    headers = dict(stored.headers or {})
    said = {name: headers.pop(name) for name in tuple(headers) if name.startswith(_PREFIX)}
    attempts = said.get(f"{_PREFIX}Attempts", "")
    return DeadLetter(
        number=int(stored.seq or 0),
        consumer=consumer,
        subject=subject,
        headers={name: value for name, value in headers.items() if not name.startswith("Nats-")},
        payload=stored.data or b"",
        error=said.get(f"{_PREFIX}Error", ""),
        reason=unquote(said.get(f"{_PREFIX}Reason", "")),
        attempts=int(attempts) if attempts.isdecimal() else 0,
    )


async def replay(jetstream: JetStreamContext, letter: DeadLetter) -> None:
    """Publish an event where it was published before, and take it from the dead letters once that is confirmed.

    Raises ``nats.errors.Error`` or ``TimeoutError`` where it is not: then it is a dead letter still.
    """
    # The event's own id would be dropped as one that the stream has seen, if that is not long ago. This one is dropped
    # only where the same letter was published and could not be taken away.
    headers = {**letter.headers, "Nats-Msg-Id": f"replay:{letter.consumer}:{letter.number}"}
    stream = STREAM_EARLY if letter.subject.startswith(f"{PREFIX_EARLY}.") else STREAM_EVENTS
    await cancellable(jetstream.publish(letter.subject, letter.payload, headers=headers, stream=stream))
    await cancellable(jetstream.delete_msg(STREAM_DEAD, letter.number))
