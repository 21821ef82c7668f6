"""The connections of a session, one after the other: the first, those after a drop, those after a GoAway."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client.backoff import delays
from voicemesh_client.connection import Connection
from voicemesh_client.errors import ConnectionDroppedError, DeadlineError, ServiceError, VoicemeshError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseResponse

    from voicemesh_client import incoming
    from voicemesh_client.clock import Clock
    from voicemesh_client.config import SessionConfig
    from voicemesh_client.outgoing import Outgoing, Replay
    from voicemesh_client.targets import Channels

_log = logging.getLogger(__name__)
# How long an instance may take to answer a ResumeSession; doubled with each round over the addresses.
_ANSWER_LIMIT_S = 1.0
_LONGEST_ANSWER_LIMIT_S = 10.0
# How long a move may take over all addresses; meanwhile nothing is read from the old connection.
_MOVE_LIMIT_S = 2.0
# What ends a connection and not the session.
_DROPS = frozenset({"CONNECTION_DROPPED", "SHUTTING_DOWN"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that the mesh has answered on, and how what was under way goes on there."""

    connection: Connection
    response: ConverseResponse
    replay: Replay


class Resumption:
    """Gets a session its connections.

    A session can be resumed when the mesh gave a token and a window. Then a dropped connection is opened again
    within the window, at once at first and after growing, random delays, at each address in turn: first where it
    was, then an address that failed comes last, and one that refuses for good is not tried again.
    """

    def __init__(
        self,
        channels: Channels,
        metadata: Sequence[tuple[str, str]],
        config: SessionConfig,
        *,
        clock: Clock,
        outgoing: Outgoing,
        sequence: incoming.Sequence,
    ) -> None:
        self._channels = channels
        self._metadata = metadata
        self._config = config
        self._clock = clock
        self._outgoing = outgoing
        self._sequence = sequence
        self._token = ""
        self._window_s = 0.0

    async def start(self) -> tuple[Connection, ConverseResponse]:
        """Begins the session at the first address that takes it, within `config.open_timeout_s` for all.

        Raises VoicemeshError: what the last address said, or the first that refuses for good.
        """
        first = ConverseRequest(start=self._config.start_message())
        addresses = self._channels.addresses
        share_s = self._config.open_timeout_s / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._open(address, first, share_s)
            except VoicemeshError as error:
                if not error.retryable:
                    raise
                _log.info("no session at %s: %s", address, error)
                self._channels.failed(address)
        return await self._open(addresses[-1], first, share_s)

    def can_follow(self, error: VoicemeshError) -> bool:
        """Whether the session may go on after its connection ended so."""
        return error.reason in _DROPS and self.possible

    @property
    def possible(self) -> bool:
        """Whether the session can be resumed at all."""
        return self._config.resume and bool(self._token) and self._window_s > 0

    async def reconnect(self, lost: Connection, cause: VoicemeshError) -> Arrival:
        """Goes on where the session was, within its window.

        Raises the refusal when every address refuses for good, ConnectionDroppedError when the window ends.
        """
        deadline = self._clock.now() + self._window_s
        refusals: dict[str, VoicemeshError] = {}
        last: VoicemeshError = cause
        limit_s = _ANSWER_LIMIT_S
        addresses = self._beginning_with(lost, cause)
        for delay_s in delays():
            if self._clock.now() + delay_s > deadline:
                break
            await self._clock.sleep(delay_s)
            for address in addresses:
                if address in refusals:
                    continue
                try:
                    return await self._resume(address, limit_s)
                except VoicemeshError as error:
                    last = error
                    self._channels.failed(address)
                    if not error.retryable:
                        refusals[address] = error
                    # A cancellation that came with the error was swallowed on the way here (Python 3.11's wait_for).
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():
                        raise asyncio.CancelledError from error
            if len(refusals) == len(self._channels.addresses):
                raise last
            limit_s = min(_LONGEST_ANSWER_LIMIT_S, limit_s * 2)
            addresses = self._channels.addresses
        text = f"the connection dropped and the session could not be resumed within {self._window_s:g} s: {last}"
        raise ConnectionDroppedError("CONNECTION_DROPPED", text) from last

    async def move(self, old: Connection) -> Arrival | None:
        """Goes on elsewhere while the old connection still stands; None when nobody takes the session over.

        Audio goes on to the old connection until the new one is answered. What the old one says meanwhile is left
        unread: the new one says it again, from the last message that was read on.
        """
        addresses = [address for address in self._channels.addresses if address != old.address]
        try:
            async with asyncio.timeout(_MOVE_LIMIT_S):
                for address in (*addresses, old.address):
                    try:
                        arrival = await self._resume(address, _MOVE_LIMIT_S / (len(addresses) + 1))
                    except VoicemeshError as error:
                        _log.info("the session did not move to %s: %s", address, error)
                    else:
                        self._channels.failed(old.address)
                        return arrival
        except TimeoutError:
            _log.info("the session did not move within %g s", _MOVE_LIMIT_S)
        return None

    def _beginning_with(self, lost: Connection, cause: VoicemeshError) -> tuple[str, ...]:
        """The addresses for the first round: the one that was lost first, unless it said that it goes away.

        If only the network broke, that instance has the session as it is; if it died, it says so at once.
        """
        if cause.reason == "SHUTTING_DOWN":
            self._channels.failed(lost.address)
            return self._channels.addresses
        return (lost.address, *(address for address in self._channels.addresses if address != lost.address))

    async def _open(self, address: str, first: ConverseRequest, limit_s: float) -> tuple[Connection, ConverseResponse]:
        connection = Connection(address, self._channels.shared(address), first, metadata=self._metadata)
        response = await self._answer(connection, limit_s, "start")
        self._note(response)
        connection.begin(self._outgoing.attach())
        return connection, response

    async def _resume(self, address: str, limit_s: float) -> Arrival:
        resume = dialogue_pb2.ResumeSession(
            resume_token=self._token,
            last_received_sequence=self._sequence.last,
            first_replayable_sequence=self._outgoing.first_replayable,
        )
        first = ConverseRequest(resume=resume)
        # A channel of its own: nothing of the broken one delays it.
        channel = self._channels.own(address)
        connection = Connection(address, channel, first, metadata=self._metadata, owned=True)
        try:
            response = await self._answer(connection, limit_s, "resume")
        except BaseException as error:
            # Unless it refused, it may have numbered an answer that never came.
            if not isinstance(error, VoicemeshError) or error.retryable:
                self._sequence.excuse()
            raise
        try:
            started = response.started
            replay = self._outgoing.rewind(started.next_audio_sequence, started.last_received_sequence)
        except ValueError as error:
            await connection.abort()
            raise ServiceError("PROTOCOL_VIOLATION", f"the mesh resumed another session: {error}") from error
        self._note(response)
        connection.begin(self._outgoing.attach(), in_haste=replay.waiting)
        return Arrival(connection, response, replay)

    def _note(self, response: ConverseResponse) -> None:
        """Keeps what the mesh gave to resume the session with."""
        self._token = response.started.resume_token
        self._window_s = response.started.resume_window.ToNanoseconds() / 1e9

    @staticmethod
    async def _answer(connection: Connection, limit_s: float, verb: str) -> ConverseResponse:
        """The mesh's answer on a connection, which is gone when there is none."""
        try:
            return await connection.answer(limit_s)
        except TimeoutError as error:
            await connection.abort()
            text = f"the mesh did not {verb} the session within {limit_s:g} s"
            raise DeadlineError("DEADLINE_EXCEEDED", text) from error
        except BaseException:
            await connection.abort()
            raise
