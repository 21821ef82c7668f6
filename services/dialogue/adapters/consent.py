"""May this customer be spoken to? Behind the consent contract; an answer that is late or stale is a no."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
from voicemesh.consent.v1 import consent_pb2
from voicemesh.consent.v1.consent_service_pb2 import (
    ConsentCheck,
    EndMonitor,
    MonitorConfig,
    MonitorRequest,
    MonitorResponse,
)
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh import logs
from mesh.backoff import backoff_s
from mesh.calls import Duplex, duplex
from mesh.durations import to_duration
from mesh.errors import MeshError, name_of
from services.dialogue import model
from services.dialogue.adapters.protos import request_context
from services.dialogue.model import ConsentDecision, ConsentWithdrawn

_log = logs.get_logger(__name__)
_NAME = "voicemesh.consent.v1.ConsentService/Monitor"
_END = MonitorRequest(end=EndMonitor())

Stream = Duplex[MonitorRequest, MonitorResponse]


class GrpcConsentLink:
    """One session's monitor stream. In a call that the mesh began it is opened again when it breaks, and the question
    is asked again before its answer goes stale: without a fresh yes the yes is withdrawn.
    """

    def __init__(self, channel: grpc.aio.Channel, info: model.SessionInfo, timeout_s: float) -> None:
        self._channel = channel
        self._info = info
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._asked_at = self._began
        self._good_until = self._began
        self._decision: asyncio.Future[ConsentDecision] = self._loop.create_future()
        self._withdrawn: asyncio.Future[ConsentWithdrawn] = self._loop.create_future()

    async def decide(self) -> ConsentDecision:
        """Return the decision; no answer in time is a no."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(self._decision)
        except TimeoutError:
            return _unknown("no answer in time")

    async def withdrawals(self, tell: Callable[[ConsentWithdrawn], Awaitable[None]]) -> None:
        """Pass on that the yes became a no, until cancelled."""
        await tell(await asyncio.shield(self._withdrawn))

    async def watch(self) -> None:
        """Ask, and listen while it matters. Of a caller who is not known nothing can be asked."""
        if not (self._info.phone or self._info.customer_id):
            self._decision.set_result(_unknown("caller not known"))
            return
        failures = 0
        while not self._withdrawn.done():
            try:
                await self._monitor()
            except* MeshError as group:
                self._broken(group)
            if not self._lasts():
                return
            failures += 1
            await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=2.0))

    async def expire(self) -> None:
        """Withdraw the yes when it has gone stale."""
        await asyncio.shield(self._decision)
        if not self._lasts():
            return
        while True:
            left = self._good_until - self._loop.time()
            if left <= 0:
                break
            await asyncio.sleep(left)
        self._withdraw("no fresh answer", denied=False)

    async def _monitor(self) -> None:
        method = ConsentServiceStub(self._channel).Monitor
        async with duplex(method, "consent", name=_NAME, end=_END) as stream, asyncio.TaskGroup() as tasks:
            await stream.send(MonitorRequest(config=MonitorConfig(context=request_context(self._info))))
            await self._ask(stream)
            tasks.create_task(self._ask_again(stream))
            async with contextlib.aclosing(stream.responses()) as responses:
                async for response in responses:
                    self._take(response)

    async def _ask(self, stream: Stream) -> None:
        self._asked_at = self._loop.time()
        check = ConsentCheck(
            check_id="call",
            subject=consent_pb2.Subject(phone=self._info.phone, customer_id=self._info.customer_id),
            channel=consent_pb2.CHANNEL_VOICE,
            purpose=consent_pb2.PURPOSE_SERVICE,
            caller_initiated=self._info.direction == "inbound",
            audio_offset=to_duration(self._asked_at - self._began),
        )
        await stream.send(MonitorRequest(check=check))

    async def _ask_again(self, stream: Stream) -> None:
        await asyncio.shield(self._decision)
        while self._lasts():
            # At half the time that is left, so that an answer still comes in time.
            await asyncio.sleep(max(0.05, (self._good_until - self._loop.time()) / 2))
            await self._ask(stream)

    def _take(self, response: MonitorResponse) -> None:
        decided = response.HasField("decided")
        decision = response.decided.decision if decided else response.revoked.decision
        # Counted from the question, by this process's own clock.
        fresh_s = (decision.valid_until.ToNanoseconds() - decision.decided_at.ToNanoseconds()) / 1e9
        allowed = decided and decision.outcome == consent_pb2.OUTCOME_ALLOWED and fresh_s > 0
        denied = decision.outcome == consent_pb2.OUTCOME_DENIED
        reason = consent_pb2.DecisionReason.Name(decision.reason).removeprefix("DECISION_REASON_").lower()
        if allowed:
            self._good_until = self._asked_at + fresh_s
        if not self._decision.done():
            self._decision.set_result(ConsentDecision(allowed, denied, reason))
        elif not allowed:
            self._withdraw(reason, denied=denied)

    def _broken(self, group: BaseExceptionGroup[MeshError]) -> None:
        reason = next((name_of(e.reason) for e in group.exceptions if isinstance(e, MeshError)), "several")
        _log.warning("consent.gone", session_id=self._info.session_id, reason=reason)
        if not self._decision.done():
            self._decision.set_result(_unknown(f"the consent service does not answer ({reason})"))

    def _lasts(self) -> bool:
        """Whether the yes must stay a yes: whoever calls us may be served."""
        decision = self._decision.result() if self._decision.done() else None
        return self._info.direction == "outbound" and decision is not None and decision.allowed

    def _withdraw(self, reason: str, *, denied: bool) -> None:
        if self._lasts() and not self._withdrawn.done():
            self._withdrawn.set_result(ConsentWithdrawn(reason, denied))


def _unknown(reason: str) -> ConsentDecision:
    return ConsentDecision(allowed=False, denied=False, reason=reason)


@contextlib.asynccontextmanager
async def consent(
    channel: grpc.aio.Channel, info: model.SessionInfo, timeout_s: float
) -> AsyncIterator[GrpcConsentLink]:
    """Open a session's monitor stream."""
    made = GrpcConsentLink(channel, info, timeout_s)
    async with asyncio.TaskGroup() as tasks:
        helpers = [tasks.create_task(made.watch()), tasks.create_task(made.expire())]
        yield made
        for helper in helpers:
            helper.cancel()
