"""Connecting to a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

import grpc
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.dialogue.v1.dialogue_service_pb2 import GetSessionRequest, ListDomainsRequest
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

from voicemesh_client.config import Direction, SessionConfig, TurnTaking
from voicemesh_client.decoding import disposition_of
from voicemesh_client.errors import ConnectionDroppedError, from_rpc_error
from voicemesh_client.session import Session
from voicemesh_client.targets import Channels

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceAsyncStub

    from voicemesh_client.audio import AudioFormat
    from voicemesh_client.clock import Clock
    from voicemesh_client.events import Disposition
    from voicemesh_client.speaker import Sink

T = TypeVar("T")


@dataclass(frozen=True)
class Domain:
    """A domain that can be conversed in; of its flows the first is the default."""

    name: str
    description: str
    languages: tuple[str, ...]
    flows: tuple[str, ...]


@dataclass(frozen=True)
class SessionState:
    """How a session stands; `disposition` is None while it runs."""

    session_id: str
    running: bool
    disposition: Disposition | None


class SessionOptions(TypedDict, total=False):
    """What a session can be started with beside its domain.

    language: BCP 47 tag of the conversation ("en-US"). region: where the session lives ("local"). tenant_id: the
    business ("default"). customer_id: the business's id of the customer. phone: their number, E.164. device: what
    the client runs on. direction: who called whom (inbound). flow: the flow to begin with. time_zone: IANA name of
    the zone that spoken dates are meant in. labels: the client's own keys. correlation_id: one id through all
    records of the call (made up where not given). input_audio: the form the caller's audio is sent in; without it
    the caller types. output_audio: the form the agent's audio is wanted in; without it none is sent. turn_taking:
    how turns are taken. resume: whether the SDK reconnects by itself when a connection drops (yes). frame_ms:
    length of a frame of the caller's audio (40). outbox_frames: messages that may wait to be sent (100).
    max_events: events that may wait to be taken (1,000). open_timeout_s: how long the mesh may take to start (10).
    close_timeout_s: how long it may take to end (5).
    """

    language: str
    region: str
    tenant_id: str
    customer_id: str
    phone: str | None
    device: str
    direction: Direction
    flow: str
    time_zone: str
    labels: Mapping[str, str]
    correlation_id: str
    input_audio: AudioFormat | None
    output_audio: AudioFormat | None
    turn_taking: TurnTaking | None
    resume: bool
    frame_ms: int
    outbox_frames: int
    max_events: int
    open_timeout_s: float
    close_timeout_s: float


class Mesh:
    """A way to a mesh; made by `connect`, used as a context, shared by any number of sessions."""

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        metadata: Sequence[tuple[str, str]] = (),
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        credentials: grpc.ChannelCredentials | None = None,
        options: Sequence[tuple[str, Any]] = (),
        clock: Clock | None = None,
    ) -> None:
        self._metadata = tuple(metadata)
        self._channels = Channels(target, credentials=credentials, interceptors=interceptors, options=options)
        self._clock = clock
        self._open = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the mesh in the order in which they are tried: one that failed comes last."""
        return self._channels.addresses

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        await self._channels.close()

    def session(
        self,
        domain: str,
        *,
        handlers: object | None = None,
        sink: Sink | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        **options: Unpack[SessionOptions],
    ) -> Session:
        """A conversation in a domain; enter its context to start it.

        `handlers` is an object whose `on_...` methods are called with the events in the background (see
        `Session.run`). `sink` is called with each piece of the agent's audio when it is to be heard; one that holds
        audio itself is a `BufferingSink`. Without a sink it is played into nothing, in real time. `metadata` goes
        with this call beside that of `connect`. `options` are those of `SessionOptions`.

        Entering raises VoicemeshError when the mesh refuses the session. Raises ValueError for options that
        no mesh takes, RuntimeError outside the context of the mesh.
        """
        self._check_open()
        return Session(
            self._channels,
            SessionConfig(domain=domain, **options),
            metadata=(*self._metadata, *metadata),
            handlers=handlers,
            sink=sink,
            clock=self._clock,
        )

    async def domains(self, *, timeout_s: float = 10.0) -> list[Domain]:
        """The domains that can be conversed in, by name. Raises VoicemeshError."""
        response = await self._call(
            lambda stub: stub.ListDomains(ListDomainsRequest(), metadata=self._metadata, timeout=timeout_s)
        )
        return [
            Domain(domain.name, domain.description, tuple(domain.languages), tuple(domain.flows))
            for domain in response.domains
        ]

    async def get_session(
        self,
        session_id: str,
        *,
        correlation_id: str,
        tenant_id: str = "default",
        region: str = "local",
        language: str = "en-US",
        timeout_s: float = 10.0,
    ) -> SessionState:
        """How a session ended or stands. Raises VoicemeshError, with the reason NOT_FOUND for no such session."""
        context = RequestContext(tenant_id=tenant_id, region=region, language=language, correlation_id=correlation_id)
        request = GetSessionRequest(context=context, session_id=session_id)
        response = await self._call(lambda stub: stub.GetSession(request, metadata=self._metadata, timeout=timeout_s))
        disposition = disposition_of(response.disposition) if response.HasField("disposition") else None
        return SessionState(response.session_id, response.running, disposition)

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError("not connected: use `async with voicemesh_client.connect(...) as mesh`")

    async def _call(self, call: Callable[[DialogueServiceAsyncStub], Awaitable[T]]) -> T:
        """Asks the first address that answers; raises VoicemeshError, that of the last where none does."""
        self._check_open()
        addresses = self._channels.addresses
        for address in addresses:
            try:
                return await call(DialogueServiceStub(self._channels.shared(address)))
            except grpc.aio.AioRpcError as rpc_error:
                error = from_rpc_error(rpc_error)
                if address == addresses[-1] or not isinstance(error, ConnectionDroppedError):
                    raise error from rpc_error
                self._channels.failed(address)
        raise AssertionError("there is always an address")


def connect(
    target: str | Sequence[str],
    *,
    metadata: Sequence[tuple[str, str]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
    clock: Clock | None = None,
) -> Mesh:
    """A mesh at "host:port", or any other target that gRPC resolves; enter its context to use it.

    Several targets ("host1:port,host2:port" or a sequence) are tried in that order, and the one that failed last
    comes last; a dropped session goes on at the next. A stopped instance is noticed within about two seconds.
    `metadata` goes with every call, for example a `traceparent`; `interceptors` are gRPC's own (those of
    `opentelemetry.instrumentation.grpc` trace the calls); without `credentials` the channel is not encrypted;
    `options` are gRPC channel arguments, before the SDK's own; `clock` is for tests. The
    connection is made with the first call.

    Raises ValueError where `target` names no address.
    """
    return Mesh(
        target,
        metadata=metadata,
        interceptors=interceptors,
        credentials=credentials,
        options=options,
        clock=clock,
    )
