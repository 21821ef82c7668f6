"""A hand-written DialogueService on a real server, whose conversation each test writes itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.dialogue.v1 import dialogue_pb2 as d
from voicemesh.dialogue.v1.dialogue_service_pb2 import (
    ConversationDomain,
    ConverseRequest,
    ConverseResponse,
    GetSessionResponse,
    ListDomainsResponse,
)
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import (
    DialogueServiceServicer,
    add_DialogueServiceServicer_to_server,
)

import voicemesh_client as sdk
from mesh.server import OPTIONS
from voicemesh_client import AudioFormat

PCM = AudioFormat.pcm16(16_000)


@dataclass
class Call:
    """One connection on the server's side: what came in, and the means to answer."""

    context: Any
    requests: Any
    headers: dict[str, str]
    received: list[ConverseRequest] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    sequence: int = 0

    async def read(self, kind: str | None = None) -> ConverseRequest:
        """The next request, or the next of a kind; EOFError when the client is gone."""
        async for request in self.requests:
            self.received.append(request)
            if kind is None or request.WhichOneof("request") == kind:
                return request
        raise EOFError

    async def send(self, **response: Any) -> None:
        message = ConverseResponse(sequence=self.sequence, **response)
        self.sequence += 1
        await self.context.write(message)

    async def start(self, *, window: int = 0) -> d.StartSession:
        start = (await self.read()).start
        context = RequestContext()
        context.CopyFrom(start.context)
        context.session_id = "s-1"
        await self.send(
            started=d.SessionStarted(
                session_id="s-1",
                resume_token="secret" if window else "",
                instance="fake",
                context=context,
                resume_window=Duration(seconds=window),
            )
        )
        return start

    async def say(self, turn_id: str, data: bytes, *, text: str = "hello", reply_to: str = "") -> None:
        await self.send(agent_turn=d.AgentTurn(turn_id=turn_id, text=text, in_reply_to=reply_to))
        await self.send(agent_audio=d.AgentAudio(turn_id=turn_id, data=data))
        await self.send(agent_turn_ended=d.AgentTurnEnded(turn_id=turn_id))

    async def end(self, code: str = "done") -> None:
        await self.send(ended=d.SessionEnded(disposition=d.Disposition(code=code), caller_turns=1))

    async def refuse(self, reason: str, text: str, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT) -> None:
        detail = any_pb2.Any()
        detail.Pack(ErrorInfo(reason=reason, domain="voicemesh", metadata={"detail": "3 bytes"}))
        status = Status(code=code.value[0], message=text, details=[detail])
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
        await self.context.abort(code, text, trailing)

    def of(self, kind: str) -> list[Any]:
        return [getattr(r, kind) for r in self.received if r.WhichOneof("request") == kind]


Script = Callable[[Call], Awaitable[None]]


class FakeDialogue(DialogueServiceServicer):
    """Runs the script of the test for every connection."""

    def __init__(self) -> None:
        self.script: Script = polite
        self.calls: list[Call] = []
        self.address = ""
        self.server: grpc.aio.Server

    async def Converse(self, request_iterator: Any, context: Any) -> None:
        # Read now: gRPC frees the headers' memory with the call.
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        call = Call(context, request_iterator, headers)
        self.calls.append(call)
        try:
            await self.script(call)
        except EOFError:
            pass
        finally:
            call.closed.set()

    async def ListDomains(self, request: Any, context: Any) -> ListDomainsResponse:
        domain = ConversationDomain(name="clinic", description="A clinic", languages=["en-US"], flows=["main"])
        return ListDomainsResponse(domains=[domain])

    async def GetSession(self, request: Any, context: Any) -> GetSessionResponse:
        return GetSessionResponse(session_id=request.session_id, running=True)


async def polite(call: Call) -> None:
    """Starts, waits for the client's end, ends."""
    await call.start()
    await call.read("end")
    await call.end()


@contextlib.asynccontextmanager
async def serving(script: Script = polite) -> AsyncIterator[FakeDialogue]:
    fake = FakeDialogue()
    fake.script = script
    fake.server = grpc.aio.server(options=OPTIONS)
    add_DialogueServiceServicer_to_server(fake, fake.server)
    port = fake.server.add_insecure_port("127.0.0.1:0")
    fake.address = f"127.0.0.1:{port}"
    await fake.server.start()
    try:
        yield fake
    finally:
        await fake.server.stop(0)


class FastClock:
    """Runs a hundred times as fast as the machine's clock."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 100

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds / 100))


def sdk_tasks() -> list[str]:
    """The tasks that the SDK, or gRPC on its behalf, has left running."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    ours = ("SessionStream.", "Session.", "Speaker.", "Connection.", "_StreamRequestMixin.", "Intercepted")
    return [name for name in names if name.startswith(ours)]


@contextlib.asynccontextmanager
async def talking(
    dialogue: FakeDialogue, *, clock: sdk.Clock | None = None, **options: Any
) -> AsyncIterator[sdk.Session]:
    """A session with the fake mesh."""
    async with sdk.connect(dialogue.address, clock=clock) as mesh, mesh.session("clinic", **options) as session:
        yield session
