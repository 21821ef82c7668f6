"""The life of a session on its connection: opening, reading, closing, and what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client.decoding import event_of
from voicemesh_client.errors import ConnectionDroppedError, DeadlineError, SessionClosedError, VoicemeshError
from voicemesh_client.events import SessionEnded, SessionStarted
from voicemesh_client.queues import ClosableQueue, Closed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from voicemesh_client.clock import Clock
    from voicemesh_client.config import SessionConfig
    from voicemesh_client.connection import Connection
    from voicemesh_client.events import SessionEvent
    from voicemesh_client.speaker import Speaker

_log = logging.getLogger(__name__)
# How long a cancelled application still waits for its goodbye to reach the mesh.
_CANCELLED_LIMIT_S = 1.0


class SessionStream:
    """A session's tasks, events and error, on top of one connection.

    The queue of events holds `config.max_events`. When it is full, nothing more is read from the connection.
    """

    def __init__(self, config: SessionConfig, clock: Clock, speaker: Speaker) -> None:
        self._config = config
        self._clock = clock
        self._speaker = speaker
        self._connection: Connection | None = None
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._events: ClosableQueue[SessionEvent] = ClosableQueue(config.max_events)
        self._opened = asyncio.Event()
        self._error: Exception | None = None
        self._error_raised = False
        self._end_sent = False
        self._read_over = asyncio.Event()
        self.over = asyncio.Event()
        self.started: SessionStarted | None = None
        self.ended: SessionEnded | None = None

    async def open(self, connection: Connection) -> None:
        """Starts the session and waits until the mesh says that it lives.

        Raises VoicemeshError when it does not; nothing runs any more then.
        """
        self._connection = connection
        await self._group.__aenter__()
        self.spawn(self._read(connection))
        try:
            async with asyncio.timeout(self._config.open_timeout_s):
                await connection.send(ConverseRequest(start=self._config.start_message()))
                await self._opened.wait()
            self.raise_error()
        except TimeoutError as error:
            await self._tear_down()
            text = f"the mesh did not start the session within {self._config.open_timeout_s:g} s"
            raise DeadlineError("DEADLINE_EXCEEDED", text) from error
        except BaseException:
            await self._tear_down()
            raise
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
        if self._error is not None:
            self.raise_error()
        if self._connection is None or self._end_sent or self.ended is not None:
            raise SessionClosedError
        await self._connection.send(request)

    async def offer(self, request: ConverseRequest, *, wait: bool) -> None:
        """Sends a message if the session still runs and there is room for it, or (`wait`) when there is room."""
        if self._connection is None or self._end_sent or self.over.is_set():
            return
        try:
            if wait:
                await self._connection.send(request)
            else:
                await self._connection.offer(request)
        except VoicemeshError:
            _log.debug("the session ended before a message that nobody waits for was sent")

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

    async def _read(self, connection: Connection) -> None:
        """Takes what the mesh sends until the stream ends."""
        try:
            async for response in connection.responses():
                event = event_of(response, self._clock.now())
                if event is None:
                    continue
                self._note(event)
                # A closed queue: a handler or the sink failed, and nobody takes events any more.
                with contextlib.suppress(Closed):
                    await self._events.put(event)
            if self.ended is None:
                text = "the mesh ended the stream without ending the session"
                raise ConnectionDroppedError("CONNECTION_DROPPED", text)
        finally:
            self._speaker.end_of_stream()
            self._read_over.set()
        await self._events.close()
        self.over.set()

    def _note(self, event: SessionEvent) -> None:
        self._speaker.take(event)
        if isinstance(event, SessionStarted):
            self.started = event
            self._opened.set()
        elif isinstance(event, SessionEnded):
            self.ended = event

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        """Runs a task of the session; its exception becomes the session's error, unless there is one already."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - raised by `raise_error` where the application waits
            # A stream that breaks after the mesh's last word has cost nothing.
            if self.ended is None or not isinstance(error, VoicemeshError):
                self._error = self._error or error
            await self._events.close()
            self._opened.set()
            self.over.set()

    async def _say_goodbye(self, delivered: asyncio.Event | None) -> None:
        """Ends the session if it has not ended, and waits for the mesh to end the stream."""
        if delivered is None:
            await self._events.discard()
        if self._connection is not None and not self._read_over.is_set():
            if not self._end_sent and self.ended is None:
                self._end_sent = True
                # Where the stream ends at the same moment, there is nobody left to say goodbye to.
                with contextlib.suppress(VoicemeshError):
                    end = dialogue_pb2.EndSession(reason="the client left")
                    await self._connection.send(ConverseRequest(end=end))
            await self._connection.finish()
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
