"""A session that outlives its connections, on any number of fake servers; a network that breaks where it is told."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from voicemesh.dialogue.v1 import dialogue_pb2 as d
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from fakes.dialogue_server import Call

TOKEN = "t0ken-that-nobody-may-see"


class RememberedCall:
    """What the instances of a mesh know of one session together: `serve` is the script of each of them.

    Everything is checked as it comes: audio without a hole, other messages without a hole. What came before is passed
    over and counted in `repeated`.
    """

    def __init__(self, *, window_s: int = 30) -> None:
        self.window = Duration(seconds=window_s)
        self.frames: list[bytes] = []
        self.messages: list[ConverseRequest] = []
        self.played: dict[str, tuple[float, bool]] = {}
        self.said: list[ConverseResponse | None] = []
        self.resumes: list[d.ResumeSession] = []
        self.repeated = 0
        self.holes: list[str] = []
        self.on_request: Callable[[ConverseRequest], None] = lambda _: None
        self._connection = 0
        self._gone: set[int] = set()
        self._news = asyncio.Event()

    @property
    def over(self) -> bool:
        last = self.said[-1] if self.said else None
        return last is not None and last.HasField("ended")

    def say(self, **response: Any) -> None:
        """Says something, on the connection there is or on the next."""
        self.said.append(ConverseResponse(sequence=len(self.said), **response))
        self.changed()

    def end(self) -> None:
        self.say(ended=d.SessionEnded(disposition=d.Disposition(code="done")))

    def changed(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._news.wait()

    async def serve(self, call: Call) -> None:
        """Serves a connection until the session or the connection is over."""
        first = await call.read()
        self._connection += 1
        ticket = self._connection
        self.changed()
        if first.HasField("start"):
            self.say(started=self._started(resumed=False))
            begin = 0
        else:
            begin = await self._resume(call, first.resume)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(call, ticket))
            await self._speak(call, ticket, begin)
            reading.cancel()

    def _started(self, *, resumed: bool) -> d.SessionStarted:
        return d.SessionStarted(
            session_id="s-1",
            resume_token=TOKEN,
            resume_window=self.window,
            resumed=resumed,
            next_audio_sequence=len(self.frames),
            last_received_sequence=len(self.messages),
        )

    async def _resume(self, call: Call, resume: d.ResumeSession) -> int:
        assert resume.resume_token == TOKEN
        self.resumes.append(resume)
        number = len(self.said)
        self.said.append(None)
        await call.context.write(ConverseResponse(sequence=number, started=self._started(resumed=True)))
        return resume.last_received_sequence + 1 if resume.HasField("last_received_sequence") else 0

    async def _speak(self, call: Call, ticket: int, place: int) -> None:
        while ticket == self._connection and ticket not in self._gone:
            while place < len(self.said) and ticket == self._connection:
                response = self.said[place]
                place += 1
                if response is not None:
                    await call.context.write(response)
            if self.over and place == len(self.said):
                return
            if place == len(self.said):
                await self._news.wait()

    async def _read(self, call: Call, ticket: int) -> None:
        with contextlib.suppress(EOFError):
            while True:
                request = await call.read()
                if ticket != self._connection:
                    return
                self._take(request)
                self.changed()
                self.on_request(request)
        if not any(message.HasField("end") for message in self.messages):
            self._gone.add(ticket)
            self.changed()

    def _take(self, request: ConverseRequest) -> None:
        kind = request.WhichOneof("request")
        if kind == "playback":
            played = request.playback
            self.played[played.turn_id] = (played.played.ToNanoseconds() / 1e9, played.finished)
            return
        number = request.audio.sequence if kind == "audio" else request.sequence - 1
        taken = len(self.frames) if kind == "audio" else len(self.messages)
        if number < taken:
            self.repeated += 1
        elif number > taken:
            self.holes.append(f"{kind} {number} came after {taken - 1}")
        elif kind == "audio":
            self.frames.append(request.audio.data)
        else:
            self.messages.append(request)


@dataclass
class Cut:
    """Where a connection breaks: after so many bytes from the client (or from the mesh)."""

    after: int
    from_client: bool = True


@dataclass
class Network:
    """A TCP proxy before a server. Its first connections break where `cuts` says, in that order."""

    target: str
    cuts: Sequence[Cut] = ()
    address: str = ""
    connections: int = 0
    broken: int = 0
    refusing: bool = False
    """Whether connections are closed as soon as they are opened."""
    frozen: bool = False
    """Whether nothing is passed on any more, as with a stopped process: connections stand and are opened."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = self.cuts[self.connections] if self.connections < len(self.cuts) else None
        self.connections += 1
        if self.refusing:
            writer.transport.abort()
            return
        host, port = self.target.split(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, far_writer)
        self._writers.update(ends)
        limits = (cut.after if cut and cut.from_client else None, cut.after if cut and not cut.from_client else None)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, far_writer, limits[0], ends))
                tasks.create_task(self._pass_on(far_reader, writer, limits[1], ends))
        finally:
            self._writers.difference_update(ends)

    def cut_now(self) -> None:
        """Breaks every connection there is."""
        self._abort(tuple(self._writers))

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: int | None,
        ends: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536 if left is None else max(1, min(65_536, left))):
                if left is not None and left <= len(data):
                    self.broken += 1
                    break
                left = None if left is None else left - len(data)
                if self.frozen:
                    continue
                writer.write(data)
                await writer.drain()
        self._abort(ends)

    @staticmethod
    def _abort(ends: tuple[asyncio.StreamWriter, ...]) -> None:
        for end in ends:
            end.transport.abort()


@contextlib.asynccontextmanager
async def network(target: str, cuts: Sequence[Cut] = ()) -> AsyncIterator[Network]:
    proxy = Network(target, cuts)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_now()
        await server.wait_closed()
