"""May this customer be spoken to? Behind the consent contract; no answer in time is a no."""

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
from mesh.calls import duplex
from mesh.durations import to_duration
from mesh.errors import MeshError, name_of
from services.dialogue import model
from services.dialogue.adapters.protos import request_context
from services.dialogue.model import ConsentDecision, ConsentWithdrawn

_log = logs.get_logger(__name__)
_NAME = "voicemesh.consent.v1.ConsentService/Monitor"
_END = MonitorRequest(end=EndMonitor())


class GrpcConsentLink:
    """One session's monitor stream."""

    def __init__(self, channel: grpc.aio.Channel, info: model.SessionInfo, timeout_s: float) -> None:
        self._channel = channel
        self._info = info
        self._timeout_s = timeout_s
        self._decision: asyncio.Future[ConsentDecision] = asyncio.get_running_loop().create_future()
        self._withdrawn: asyncio.Future[ConsentWithdrawn] = asyncio.get_running_loop().create_future()

    async def decide(self) -> ConsentDecision:
        """Return the decision; no answer in time is a no."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(self._decision)
        except TimeoutError:
            return ConsentDecision(allowed=False, denied=False, reason="no answer in time")

    async def withdrawals(self, tell: Callable[[ConsentWithdrawn], Awaitable[None]]) -> None:
        """Pass on that the yes became a no, until cancelled."""
        await tell(await asyncio.shield(self._withdrawn))

    async def watch(self) -> None:
        """Ask, and listen until the stream ends. Of a caller who is not known nothing can be asked."""
        if not (self._info.phone or self._info.customer_id):
            self._decision.set_result(ConsentDecision(allowed=False, denied=False, reason="caller not known"))
            return
        try:
            method = ConsentServiceStub(self._channel).Monitor
            async with duplex(method, "consent", name=_NAME, end=_END) as stream:
                config = MonitorConfig(context=request_context(self._info))
                await stream.send(MonitorRequest(config=config))
                await stream.send(MonitorRequest(check=self._check()))
                async with contextlib.aclosing(stream.responses()) as responses:
                    async for response in responses:
                        self._take(response)
        except MeshError as error:
            _log.warning("consent.gone", session_id=self._info.session_id, reason=name_of(error.reason))
            if not self._decision.done():
                reason = f"the consent service does not answer ({name_of(error.reason)})"
                self._decision.set_result(ConsentDecision(allowed=False, denied=False, reason=reason))

    def _check(self) -> ConsentCheck:
        return ConsentCheck(
            check_id="call",
            subject=consent_pb2.Subject(phone=self._info.phone, customer_id=self._info.customer_id),
            channel=consent_pb2.CHANNEL_VOICE,
            purpose=consent_pb2.PURPOSE_SERVICE,
            caller_initiated=self._info.direction == "inbound",
            audio_offset=to_duration(0),
        )

    def _take(self, response: MonitorResponse) -> None:
        if response.HasField("decided") and not self._decision.done():
            decision = response.decided.decision
            self._decision.set_result(
                ConsentDecision(
                    allowed=decision.outcome == consent_pb2.OUTCOME_ALLOWED,
                    denied=decision.outcome == consent_pb2.OUTCOME_DENIED,
                    reason=_reason(decision.reason),
                )
            )
        elif response.HasField("revoked") and not self._withdrawn.done():
            self._withdrawn.set_result(ConsentWithdrawn(_reason(response.revoked.decision.reason)))


def _reason(reason: consent_pb2.DecisionReason.ValueType) -> str:
    return consent_pb2.DecisionReason.Name(reason).removeprefix("DECISION_REASON_").lower()


@contextlib.asynccontextmanager
async def consent(
    channel: grpc.aio.Channel, info: model.SessionInfo, timeout_s: float
) -> AsyncIterator[GrpcConsentLink]:
    """Open a session's monitor stream."""
    made = GrpcConsentLink(channel, info, timeout_s)
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(made.watch())
        yield made
        watch.cancel()
