"""Sticky channels: a session always meets the same instance, of its own region first.

Rendezvous hashing (Thaler and Ravishankar 1998): each session ranks all instances by a hash of both names and
takes the best that is up, so that an instance's end moves its own sessions and no others.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import grpc
from opentelemetry.instrumentation.grpc import aio_client_interceptors

from mesh.config import ConfigError, split_address
from mesh.deadline import UnaryDeadline
from mesh.errors import ErrorReason, MeshError
from mesh.server import MAX_MESSAGE_BYTES

_DOWN = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)
_EJECT_AFTER = 3
_EJECT_S = 5.0

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # All five are needed to notice a stopped process within about two seconds.
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_000),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Target:
    """An instance of a service."""

    address: str
    region: str


def parse_targets(text: str, variable: str) -> tuple[Target, ...]:
    """Read a static list: `host:port@region,host:port@region`.

    Raises:
        ConfigError: naming `variable`.
    """
    targets = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        address, _, region = part.partition("@")
        split_address(address, variable)
        targets.append(Target(address, region or "local"))
    if not targets:
        raise ConfigError(f"{variable} is empty: expected host:port@region, several separated by commas")
    return tuple(targets)


@dataclass
class _Member:
    target: Target
    channel: grpc.aio.Channel
    state: grpc.ChannelConnectivity | None = None
    failures: int = 0
    ejected_until: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def up(self, now: float) -> bool:
        return self.state not in _DOWN and self.ejected_until <= now


class Pool:
    """Channels to the instances of one service. Made by `pool(...)`."""

    def __init__(self, name: str, region: str, targets: Sequence[Target]) -> None:
        self.name = name
        self._region = region
        self._members = [_Member(target, _channel(target.address)) for target in targets]

    def channel(self, session_id: str, region: str = "") -> grpc.aio.Channel:
        """Return the session's channel; with every instance down, the best of them all the same."""
        return self._ranked(session_id, region)[0].channel

    def address(self, session_id: str, region: str = "") -> str:
        """Return the address of the session's instance."""
        return self._ranked(session_id, region)[0].target.address

    @contextlib.contextmanager
    def using(self, session_id: str, region: str = "") -> Iterator[grpc.aio.Channel]:
        """Lend the session its channel, and note whether its instance failed: not whether anything else did."""
        channel = self.channel(session_id, region)
        try:
            yield channel
        except Exception as error:
            if _blames(error, self.name):
                self.report(channel, ok=False)
            raise
        self.report(channel, ok=True)

    def report(self, channel: grpc.aio.Channel, *, ok: bool) -> None:
        """Say how a call went; an instance that fails three times in a row is left alone for five seconds."""
        for member in self._members:
            if member.channel is channel:
                member.failures = 0 if ok else member.failures + 1
                if member.failures >= _EJECT_AFTER:
                    member.failures, member.ejected_until = 0, time.monotonic() + _EJECT_S

    def _ranked(self, session_id: str, region: str) -> list[_Member]:
        now, home = time.monotonic(), region or self._region

        def rank(member: _Member) -> tuple[bool, bool, bytes]:
            name = f"{member.target.address}|{session_id}".encode()
            digest = hashlib.blake2b(name, digest_size=8).digest()
            return member.up(now), member.target.region == home, digest

        return sorted(self._members, key=rank, reverse=True)

    async def _watch(self, member: _Member) -> None:
        while True:
            member.state = member.channel.get_state(try_to_connect=True)
            await member.channel.wait_for_state_change(member.state)


@contextlib.asynccontextmanager
async def pool(name: str, region: str, targets: Sequence[Target]) -> AsyncIterator[Pool]:
    """Open the channels, watch their state, close them."""
    made = Pool(name, region, targets)
    try:
        async with asyncio.TaskGroup() as tasks:
            watches = [tasks.create_task(made._watch(m)) for m in made._members]  # noqa: SLF001
            yield made
            for watch in watches:
                watch.cancel()
    finally:
        for member in made._members:  # noqa: SLF001
            await member.channel.close()


def _blames(error: BaseException, name: str) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_blames(one, name) for one in error.exceptions)
    return (
        isinstance(error, MeshError)
        and error.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE
        and error.metadata.get("dependency") == name
    )


def _channel(address: str) -> grpc.aio.Channel:
    # Unary calls only: the streams of `mesh.calls` bring their own span and deadline, see there.
    tracing = [
        interceptor
        for interceptor in aio_client_interceptors()  # type: ignore[no-untyped-call]
        if isinstance(interceptor, grpc.aio.UnaryUnaryClientInterceptor)
    ]
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=[*tracing, UnaryDeadline()])
