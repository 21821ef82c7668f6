"""The gRPC face of the consent service: proto to domain and back, nothing else."""

import contextlib
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from voicemesh.consent.v1 import consent_service_pb2 as pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceServicer

from mesh.contexts import StreamContext
from mesh.errors import ErrorReason, MeshError, protocol_violation
from mesh.streams import Send, respond
from services.consent import wire
from services.consent.handlers import Consent
from services.consent.monitor import Answer, Asked, Monitor

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class ConsentServicer(ConsentServiceServicer):
    """Implements voicemesh.consent.v1.ConsentService."""

    def __init__(self, consent: Consent, monitor: Monitor) -> None:
        self._consent = consent
        self._monitor = monitor

    async def Monitor(
        self, request_iterator: AsyncIterator[pb.MonitorRequest], _: Context
    ) -> AsyncIterator[pb.MonitorResponse]:
        """Accompany a call or a dialler."""

        async def run(send: Send[pb.MonitorResponse]) -> None:
            await self._watch(request_iterator, send)

        async with contextlib.aclosing(respond(run)) as responses:
            async for response in responses:
                yield response

    async def _watch(self, requests: AsyncIterator[pb.MonitorRequest], send: Send[pb.MonitorResponse]) -> None:
        first = await anext(requests, None)
        if first is None:
            raise _vanished()
        if not first.HasField("config"):
            raise protocol_violation("config", str(first.WhichOneof("request")))
        numbers = count()
        place: list[Duration] = []
        whose = StreamContext()
        whose.take(first.config.context)

        async def answer(answer: Answer) -> None:
            response = _response(next(numbers), answer)
            if place:
                response.audio_offset.CopyFrom(place[0])
            await send(response)

        await self._monitor.run(wire.scope(first.config.context), _checks(requests, whose, place), answer)

    async def CheckConsent(self, request: pb.CheckConsentRequest, _: Context) -> pb.CheckConsentResponse:
        """Decide once."""
        decision = await self._consent.check(wire.scope(request.context), wire.check(request.check))
        return pb.CheckConsentResponse(decision=wire.decision_pb(decision))

    async def RecordConsent(self, request: pb.RecordConsentRequest, _: Context) -> pb.RecordConsentResponse:
        """Write down what a customer said."""
        record = await self._consent.record(
            wire.scope(request.context),
            subject=wire.subject(request.subject),
            channel=wire.channel(request.channel),
            purpose=wire.purpose(request.purpose),
            state=wire.state(request.state),
            evidence=wire.evidence(request.evidence),
            expires_at=wire.moment(request, "expires_at"),
            idempotency_key=request.idempotency_key,
        )
        return pb.RecordConsentResponse(record=wire.record_pb(record))

    async def ListConsentHistory(
        self, request: pb.ListConsentHistoryRequest, _: Context
    ) -> pb.ListConsentHistoryResponse:
        """List a page of a history."""
        page, token = await self._consent.history(
            wire.scope(request.context), wire.subject(request.subject), request.page_size, request.page_token
        )
        records = [wire.record_pb(record) for record in page.entries]
        return pb.ListConsentHistoryResponse(records=records, next_page_token=token)

    async def AddSuppression(self, request: pb.AddSuppressionRequest, _: Context) -> pb.AddSuppressionResponse:
        """Put a customer on the suppression list."""
        suppression = await self._consent.suppress(
            wire.scope(request.context),
            subject=wire.subject(request.subject),
            channel=wire.channel(request.channel) if request.channel else None,
            reason=request.reason,
            expires_at=wire.moment(request, "expires_at"),
            idempotency_key=request.idempotency_key,
        )
        return pb.AddSuppressionResponse(suppression=wire.suppression_pb(suppression))

    async def RemoveSuppression(self, request: pb.RemoveSuppressionRequest, _: Context) -> pb.RemoveSuppressionResponse:
        """Take a suppression off the list."""
        await self._consent.unsuppress(wire.scope(request.context), request.suppression_id, request.reason)
        return pb.RemoveSuppressionResponse()

    async def ListSuppressions(self, request: pb.ListSuppressionsRequest, _: Context) -> pb.ListSuppressionsResponse:
        """List a page of the suppressions in force."""
        page, token = await self._consent.suppressions(
            wire.scope(request.context), request.page_size, request.page_token
        )
        suppressions = [wire.suppression_pb(suppression) for suppression in page.entries]
        return pb.ListSuppressionsResponse(suppressions=suppressions, next_page_token=token)


async def _checks(
    requests: AsyncIterator[pb.MonitorRequest], whose: StreamContext, place: list[Duration]
) -> AsyncIterator[Asked]:
    """Yield the checks until the explicit end; keep `place` at the last one that has one."""
    async for request in requests:
        match request.WhichOneof("request"):
            case "check":
                if request.check.HasField("audio_offset"):
                    place[:] = [request.check.audio_offset]
                yield Asked(request.check.check_id, wire.check(request.check))
            case "config":
                # What may change of it, the language and the time zone, no decision depends on.
                whose.take(request.config.context)
            case _:
                return
    raise _vanished()


def _response(sequence: int, answer: Answer) -> pb.MonitorResponse:
    decision = wire.decision_pb(answer.decision)
    if answer.revoked:
        revoked = pb.ConsentRevoked(check_id=answer.check_id, decision=decision)
        return pb.MonitorResponse(sequence=sequence, revoked=revoked)
    decided = pb.CheckDecided(check_id=answer.check_id, decision=decision)
    return pb.MonitorResponse(sequence=sequence, decided=decided)


def _vanished() -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
        "the stream ended without EndMonitor; send it when nothing more is to be watched",
    )
