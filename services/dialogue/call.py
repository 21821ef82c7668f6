"""A call in progress and the connections it is served over, one after another."""

import asyncio
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from services.dialogue import metrics, model
from services.dialogue.line import Line, Send
from services.dialogue.refusals import connection_dropped

_log = logs.get_logger(__name__)
_TOKEN = re.compile(r"[0-9a-f]{32}\.[\w-]{32}")


@dataclass(frozen=True)
class Connection:
    """What the client of one connection says and hears."""

    incoming: AsyncIterator[tuple[int, model.CallerInput]]
    """Inputs, each behind its number; 0: not counted. Ends behind EndSession, or when the client is gone."""
    send: Send


@dataclass(frozen=True)
class Returning:
    """What a client that comes back says."""

    token: str = field(repr=False)
    received: int | None
    """Number of the last output that it has; None: none."""
    first_audio: int | None
    """The first frame that it can send again; None: none."""


@dataclass
class Call:
    """A session that may change connections.

    Args:
        session_id: the session's.
        line: between the session and its client.
        describe: makes the message that tells a returning client where the session stands.
    """

    session_id: str
    line: Line
    describe: Callable[[], model.Started]
    token: str = field(repr=False)
    failure: Exception | None = None
    over: bool = False

    async def begin(self, connection: Connection) -> None:
        """Serve the session's first connection; raises what `_serve` raises."""
        await self._serve(connection, None, describe=None)

    async def resume(self, connection: Connection, returning: Returning) -> None:
        """Serve a later connection; raises what `_serve` raises."""
        await self._serve(connection, returning.received, describe=returning)

    async def _serve(self, connection: Connection, after: int | None, *, describe: Returning | None) -> None:
        """Serve a connection until the session or the connection is over.

        Raises:
            MeshError: what the session ended with; CONNECTION_DROPPED when the client is gone or came back by another
                connection; SESSION_NOT_RESUMABLE when what the client lacks is no longer kept.
        """
        ticket = self.line.attach(after)
        try:
            if describe is not None:
                metrics.RESUMED.inc()
                await self.line.replay_from(describe.first_audio)
                await connection.send(self.describe(), self.line.number())
            await self._both_ways(connection, ticket)
        finally:
            self.line.detach(ticket)
        if self.failure is not None:
            raise self.failure

    async def _both_ways(self, connection: Connection, ticket: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(connection, ticket))
            if not await self.line.pump(connection.send, ticket):
                raise connection_dropped()
            reading.cancel()

    async def _read(self, connection: Connection, ticket: int) -> None:
        async for number, item in connection.incoming:
            if not await self.line.take(item, number, ticket):
                return
            if isinstance(item, model.EndSession):
                return
        if not self.over:
            raise connection_dropped()


class Calls:
    """The calls of this process. Their sessions run in `tasks`, whatever becomes of the connections.

    A call that is over is kept for `keep_s` seconds: its client may have lost the connection with its last word.
    """

    def __init__(self, tasks: asyncio.TaskGroup, keep_s: float) -> None:
        self._tasks = tasks
        self._keep_s = keep_s
        self._calls: dict[str, Call] = {}

    def begin(self, call: Call, run: Callable[[], Awaitable[None]]) -> None:
        """Let a session run; what it raises is kept for its client."""
        self._calls[call.session_id] = call
        self._tasks.create_task(self._run(call, run))

    def find(self, token: str) -> Call | None:
        """Return the call that a resume token is for, if this process has it.

        Raises:
            MeshError: SESSION_NOT_RESUMABLE for a token that is none, or not this call's.
        """
        if _TOKEN.fullmatch(token) is None:
            raise not_resumable("this is no resume token")
        call = self._calls.get(session_of(token))
        if call is not None and not hmac.compare_digest(call.token, token):
            raise not_resumable("there is no such session, or it is over")
        return call

    async def _run(self, call: Call, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - it is raised where the client is
            call.failure = error
            if not call.line.attached:
                _log.warning("session.failed_alone", session_id=call.session_id, error=repr(error))
        finally:
            call.over = True
            call.line.close()
            asyncio.get_running_loop().call_later(self._keep_s, self._calls.pop, call.session_id, None)


def new_token(session_id: str) -> str:
    """Return a resume token that nobody can guess and that says whose it is."""
    return f"{session_id}.{secrets.token_urlsafe(24)}"


def session_of(token: str) -> str:
    """Return the session that a token is for."""
    return token.partition(".")[0]


def not_resumable(detail: str) -> MeshError:
    """Return the error for a session that cannot be resumed here."""
    return MeshError(
        ErrorReason.ERROR_REASON_SESSION_NOT_RESUMABLE,
        f"the session cannot be resumed ({detail}); start a new session",
        metadata={"detail": detail},
    )
