"""The life of a session: opening, reading, reconnecting, closing, and what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client import incoming
from voicemesh_client.decoding import event_of
from voicemesh_client.errors import ConnectionDroppedError, SessionClosedError, VoicemeshError
from voicemesh_client.events import GoAway, SessionEnded, SessionStarted
from voicemesh_client.notices import Notices
from voicemesh_client.outgoing import Outgoing
from voicemesh_client.queues import ClosableQueue, Closed
from voicemesh_client.resumption import Resumption

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseResponse

    from voicemesh_client.clock import Clock
    from voicemesh_client.config import SessionConfig
    from voicemesh_client.connection import Connection
    from voicemesh_client.events import SessionEvent
    from voicemesh_client.resumption import Arrival
    from voicemesh_client.speaker import Speaker
    from voicemesh_client.targets import Channels

_log = logging.getLogger(__name__)
# How long a cancelled application still waits for its goodbye to reach the mesh.
_CANCELLED_LIMIT_S = 1.0


class SessionStream:
    """A session's tasks, events and error, over all its connections.

    The queue of events holds `config.max_events`. When it is full, nothing more is read from the connection.
    """

    def __init__(
        self,
        channels: Channels,
        config: SessionConfig,
        clock: Clock,
        speaker: Speaker,
        metadata: Sequence[tuple[str, str]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._speaker = speaker
        self._sequence = incoming.Sequence()
        self._turns = incoming.AgentTurns(config.output_audio)
        self._notices = Notices(clock)
        self._connection: Connection | None = None
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._events: ClosableQueue[SessionEvent] = ClosableQueue(config.max_events)
        self._error: Exception | None = None
        self._error_raised = False
        self._end_sent = False
        self._read_over = asyncio.Event()
        self.outgoing = Outgoing(config.outbox_frames)
        self._resumption = Resumption(
            channels, metadata, config, clock=clock, outgoing=self.outgoing, sequence=self._sequence
        )
        self.over = asyncio.Event()
        self.started: SessionStarted | None = None
        self.ended: SessionEnded | None = None

    async def open(self) -> None:
        """Starts the session and waits until the mesh says that it lives.

        Raises VoicemeshError when it does not; nothing runs any more then.
        """
        connection, response = await self._resumption.start()
        self._connection = connection
        await self._group.__aenter__()
        try:
            await self._take(response)
        except BaseException:
            await self._tear_down()
            raise
        self.spawn(self._read(connection))
        self.spawn(self._speaker.run())

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Runs something for as long as the session's context; what it raises ends the session."""
        self._tasks.append(self._group.create_task(self._guard(work)))

    async def close(self, cause: BaseException | None, delivered: asyncio.Event | None) -> None:
        """Says goodbye within the limit and leaves nothing running.

        `cause` is why the context is left; `delivered` is set when handlers have had the last event, None
        where nobody will take what is left. Raises the session's error if nothing else was raised.
        """
        limit_s = self._config.close_timeout_s
        if isinstance(cause, asyncio.CancelledError):
            limit_s = min(limit_s, _CANCELLED_LIMIT_S)
        try:
            async with asyncio.timeout(limit_s):
                await self._say_goodbye(delivered)
        except TimeoutError:
            _log.warning("the mesh did not end the session within %g s: closed without its last word", limit_s)
        finally:
            await self._tear_down()
        if cause is None and not self._error_raised:
            self.raise_error()

    async def send(self, request: ConverseRequest) -> None:
        """Sends a message; waits while the outbox is full.

        Raises SessionClosedError after the session's end, or the error that ended it.
        """
        self._check_open()
        try:
            await self.outgoing.put(request)
        except Closed:
            raise self._closed_error() from self._error

    async def send_audio(self, frame: bytes, seconds: float) -> None:
        """Sends a frame of the caller's audio; waits and raises as `send` does."""
        self._check_open()
        try:
            await self.outgoing.put_audio(frame, seconds)
        except Closed:
            raise self._closed_error() from self._error

    async def end(self, reason: str) -> None:
        """Sends EndSession once; nothing when the session has ended."""
        if self._end_sent or self.ended is not None:
            return
        await self.send(ConverseRequest(end=dialogue_pb2.EndSession(reason=reason)))
        self._end_sent = True

    async def next_event(self) -> SessionEvent | None:
        """The oldest event not taken yet, waiting for one; None after the last.

        Raises the error that ended the session, after the events before it.
        """
        try:
            return await self._events.get()
        except Closed:
            self.raise_error()
            return None

    def raise_error(self) -> None:
        """Raises the error that ended the session, if there is one."""
        if self._error is not None:
            self._error_raised = True
            raise self._error

    def _check_open(self) -> None:
        if self._error is not None:
            self.raise_error()
        if self._end_sent or self.ended is not None:
            raise SessionClosedError

    def _closed_error(self) -> Exception:
        if self._error is None:
            return SessionClosedError()
        self._error_raised = True
        return self._error

    async def _read(self, connection: Connection) -> None:
        """Takes what the mesh sends, from one connection after the other, until the session is over."""
        try:
            following: Connection | None = connection
            while following is not None:
                following = await self._follow(following)
        finally:
            self._speaker.end_of_stream()
            self._read_over.set()
        self.outgoing.close()
        await self._events.close()
        self.over.set()

    async def _follow(self, connection: Connection) -> Connection | None:
        """Takes what comes on a connection; the one on which the session goes on, None at its end.

        Raises what ended the session.
        """
        try:
            async for response in connection.responses():
                going = await self._take(response)
                if going and self._resumption.possible and (arrival := await self._resumption.move(connection)):
                    self._connection = arrival.connection
                    await connection.abort()
                    return await self._arrive(arrival, 0.0)
            text = "the mesh ended the stream without ending the session"
            error: VoicemeshError = ConnectionDroppedError("CONNECTION_DROPPED", text)
        except VoicemeshError as caught:
            error = caught
        # A stream that breaks after the mesh's last word has cost nothing.
        if self.ended is not None:
            return None
        if not self._resumption.can_follow(error):
            raise error
        return await self._reconnect(connection, error)

    async def _reconnect(self, lost: Connection, cause: VoicemeshError) -> Connection:
        dropped_at = self._clock.now()
        await lost.abort()
        await self._tell(self._notices.reconnecting(cause))
        arrival = await self._resumption.reconnect(lost, cause)
        self._connection = arrival.connection
        return await self._arrive(arrival, self._clock.now() - dropped_at)

    async def _arrive(self, arrival: Arrival, downtime: float) -> Connection:
        """Says that the session goes on, and what became of what was under way."""
        self._sequence.begin(arrival.response.sequence)
        await self._tell(self._notices.resumed(arrival, downtime))
        if arrival.replay.lost_messages:
            await self._tell(self._notices.lost(arrival.replay.lost_messages))
        return arrival.connection

    async def _take(self, response: ConverseResponse) -> bool:
        """Passes a response on as an event, if it is new; says whether the instance is going away."""
        new, gap = self._sequence.accept(response.sequence)
        if not new:
            return False
        if gap is not None:
            await self._tell(self._notices.gap(gap))
        event = event_of(response, self._clock.now())
        fresh = None if event is None else self._turns.fresh(event)
        if fresh is not None:
            self._notices.follow(fresh)
            self._note(fresh)
            await self._tell(fresh)
        return isinstance(event, GoAway)

    def _note(self, event: SessionEvent) -> None:
        self._speaker.take(event)
        match event:
            case SessionStarted():
                self.started = self.started or event
            case SessionEnded():
                self.ended = event
            case _:
                pass

    async def _tell(self, event: SessionEvent) -> None:
        # A closed queue: a handler or the sink failed, and nobody takes events any more.
        with contextlib.suppress(Closed):
            await self._events.put(event)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        """Runs a task of the session; its exception becomes the session's error, unless there is one already."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - raised by `raise_error` where the application waits
            if self.ended is None or not isinstance(error, VoicemeshError):
                self._error = self._error or error
            if isinstance(error, VoicemeshError):
                self.outgoing.close()
            await self._events.close()
            self.over.set()

    async def _say_goodbye(self, delivered: asyncio.Event | None) -> None:
        """Ends the session if it has not ended, and waits for the mesh to end the stream."""
        if delivered is None:
            await self._events.discard()
        if not self._read_over.is_set():
            if not self._end_sent and self.ended is None:
                self._end_sent = True
                # Where the stream ends at the same moment, there is nobody left to say goodbye to.
                with contextlib.suppress(Closed):
                    end = dialogue_pb2.EndSession(reason="the client left")
                    await self.outgoing.put(ConverseRequest(end=end))
            self.outgoing.close()
            await self._read_over.wait()
        if delivered is not None:
            await delivered.wait()

    async def _tear_down(self) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            if self._connection is not None:
                await self._connection.abort()
            await self._events.close()
        finally:
            await self._group.__aexit__(None, None, None)
