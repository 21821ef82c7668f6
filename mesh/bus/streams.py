"""Setting streams up, and comparing those of a server with what they are to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError

from mesh.bus.cancelling import cancellable
from mesh.bus.topology import Stream
from mesh.config import ConfigError

_NAME_IN_USE = 10058
_NO_CLUSTER = 10074

Verdict = Literal["missing", "can be mended", "would delete", "cannot be changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a server's stream is not what it is to be."""

    stream: str
    value: str
    """Which of its values; empty: the stream is missing."""
    wanted: str
    found: str
    verdict: Verdict

    @property
    def can_be_applied(self) -> bool:
        """Whether nothing that is stored gets lost by it."""
        return self.verdict in {"missing", "can be mended"}


async def set_up(jetstream: JetStreamContext, streams: Iterable[Stream]) -> None:
    """Make the streams that are missing; one that exists is left as it is: an operator may have tuned it.

    Raises:
        ConfigError: more replicas are wanted than the server can have.
        nats.errors.Error: the server does not answer, or refuses.
    """
    for stream in streams:
        try:
            await cancellable(jetstream.stream_info(stream.name))
        except NotFoundError:
            await _make(jetstream, stream)


async def differences(jetstream: JetStreamContext, stream: Stream) -> list[Difference]:
    """Compare a stream with the server's; empty: they are the same. Raises `nats.errors.Error`."""
    try:
        info = await cancellable(jetstream.stream_info(stream.name))
    except NotFoundError:
        return [Difference(stream.name, "", "there", "not there", "missing")]
    found = []
    for value, (wanted, has) in _values(stream, info).items():
        if wanted != has:
            verdict = await _verdict(jetstream, stream, info, value)
            found.append(Difference(stream.name, value, _text(wanted), _text(has), verdict))
    return found


async def apply(jetstream: JetStreamContext, stream: Stream) -> list[Difference]:
    """Make or change a stream as far as nothing that is stored gets lost; return the differences that are left.

    Raises:
        ConfigError: more replicas are wanted than the server can have.
        nats.errors.Error: the server does not answer, or refuses.
    """
    found = await differences(jetstream, stream)
    if any(difference.verdict == "missing" for difference in found):
        await _make(jetstream, stream)
        return []
    mendable = {difference.value for difference in found if difference.can_be_applied}
    if mendable:
        config = (await cancellable(jetstream.stream_info(stream.name))).config
        wanted = stream.config()
        for value in mendable:
            name = _FIELDS[value]
            setattr(config, name, getattr(wanted, name))
        try:
            await cancellable(jetstream.update_stream(config))
        except APIError as error:
            raise _explained(error, stream) from error
    return [difference for difference in found if not difference.can_be_applied]


_FIELDS = {
    "subjects": "subjects",
    "storage": "storage",
    "replicas": "num_replicas",
    "max_age_s": "max_age",
    "max_bytes": "max_bytes",
    "duplicate_window_s": "duplicate_window",
}
"""What the file calls a value, and what the server does."""


def _values(stream: Stream, info: StreamInfo) -> dict[str, tuple[object, object]]:
    wanted, has = stream.config(), info.config
    values = {name: (getattr(wanted, field), getattr(has, field)) for name, field in _FIELDS.items()}
    values["subjects"] = (sorted(wanted.subjects or ()), sorted(has.subjects or ()))
    return values


async def _verdict(jetstream: JetStreamContext, stream: Stream, info: StreamInfo, value: str) -> Verdict:
    if value == "storage":
        return "cannot be changed"
    if value == "max_bytes" and 0 <= stream.max_bytes < info.state.bytes:
        return "would delete"
    if value == "max_age_s" and info.state.messages:
        try:
            oldest = await cancellable(jetstream.get_msg(stream.name, info.state.first_seq))
        except NotFoundError:  # it has just reached its age
            return "can be mended"
        if oldest.time is None or oldest.time < datetime.now(UTC) - timedelta(seconds=stream.max_age_s):
            return "would delete"
    return "can be mended"


async def _make(jetstream: JetStreamContext, stream: Stream) -> None:
    try:
        await cancellable(jetstream.add_stream(stream.config()))
    except APIError as error:
        # Another process made it at the same time, and by another file: it exists, that is what counts.
        if error.err_code != _NAME_IN_USE:
            raise _explained(error, stream) from error


def _explained(error: APIError, stream: Stream) -> Exception:
    if error.err_code == _NO_CLUSTER:
        return ConfigError(
            f"{stream.name} is to have {stream.replicas} replicas, and this NATS server is no cluster: set "
            "VOICEMESH_STREAM_REPLICAS=1, or start a cluster (deploy/nats)"
        )
    return error


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(getattr(value, "value", value))
