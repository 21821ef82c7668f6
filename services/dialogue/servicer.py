"""dialogue.v1.DialogueService: protos to the domain and back, nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from voicemesh.common.v1 import audio_pb2
from voicemesh.dialogue.v1 import dialogue_pb2, turn_taking_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import (
    ConversationDomain,
    ConverseRequest,
    ConverseResponse,
    GetSessionRequest,
    GetSessionResponse,
    ListDomainsRequest,
    ListDomainsResponse,
)
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceServicer

from mesh.durations import seconds
from mesh.errors import ErrorReason, MeshError, protocol_violation
from mesh.streams import Send, respond
from services.dialogue import model
from services.dialogue.adapters.outcomes import outcome_proto
from services.dialogue.call import Connection, Returning
from services.dialogue.handlers import Conversations
from services.dialogue.replies import to_response

_ENCODINGS: dict[int, model.Encoding] = {
    audio_pb2.AUDIO_ENCODING_PCM16: "pcm16",
    audio_pb2.AUDIO_ENCODING_MULAW: "mulaw",
    audio_pb2.AUDIO_ENCODING_ALAW: "alaw",
}


class DialogueServicer(DialogueServiceServicer):
    """Serves the client-facing contract."""

    def __init__(self, conversations: Conversations, start_limit_s: float) -> None:
        self._conversations = conversations
        self._start_limit_s = start_limit_s

    async def Converse(self, request_iterator: Any, context: Any) -> AsyncIterator[ConverseResponse]:
        async def run(send: Send[ConverseResponse]) -> None:
            await self._converse(request_iterator, send)

        async with contextlib.aclosing(respond(run)) as responses:
            async for response in responses:
                yield response

    async def GetSession(self, request: GetSessionRequest, context: Any) -> GetSessionResponse:
        found = await self._conversations.find(request.context.tenant_id, request.session_id)
        disposition = dialogue_pb2.Disposition(
            code=found.disposition,
            summary=found.summary,
            outcome=None if found.outcome is None else outcome_proto(found.outcome),
        )
        return GetSessionResponse(
            session_id=found.session_id, running=found.running, disposition=None if found.running else disposition
        )

    async def ListDomains(self, request: ListDomainsRequest, context: Any) -> ListDomainsResponse:
        return ListDomainsResponse(
            domains=[
                ConversationDomain(name=d.name, description=d.description, languages=d.languages, flows=d.flows)
                for d in self._conversations.domains()
            ]
        )

    async def _converse(self, requests: AsyncIterator[ConverseRequest], send: Send[ConverseResponse]) -> None:
        first = await self._first(requests)

        async def emit(output: model.SessionOutput, sequence: int) -> None:
            await send(to_response(output, sequence))

        connection = Connection(_inputs(requests), emit)
        if first.HasField("start"):
            await self._conversations.converse(_info(first.start), connection)
            return
        resume = first.resume
        returning = Returning(
            resume.resume_token,
            resume.last_received_sequence if resume.HasField("last_received_sequence") else None,
            resume.first_replayable_sequence if resume.HasField("first_replayable_sequence") else None,
        )
        await self._conversations.resume(returning, connection)

    async def _first(self, requests: AsyncIterator[ConverseRequest]) -> ConverseRequest:
        try:
            async with asyncio.timeout(self._start_limit_s):
                first = await anext(requests, None)
        except TimeoutError:
            raise MeshError(
                ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
                f"no StartSession came within {self._start_limit_s:g} s; send it first",
                metadata={"limit_s": f"{self._start_limit_s:g}"},
            ) from None
        if first is None:
            raise protocol_violation("StartSession", "the end of the stream")
        kind = first.WhichOneof("request")
        if kind not in {"start", "resume"}:
            raise protocol_violation("StartSession", str(kind))
        return first


async def _inputs(requests: AsyncIterator[ConverseRequest]) -> AsyncIterator[tuple[int, model.CallerInput]]:
    async for request in requests:
        yield request.sequence, _input(request)
        if request.HasField("end"):
            return


def _input(request: ConverseRequest) -> model.CallerInput:  # noqa: PLR0911 - one a kind
    match request.WhichOneof("request"):
        case "audio":
            return model.CallerAudio(request.audio.data, request.audio.sequence)
        case "text":
            return model.CallerText(request.text.text)
        case "dtmf":
            return model.CallerKeys(request.dtmf.digits)
        case "playback":
            return model.Playback(request.playback.turn_id, seconds(request.playback.played), request.playback.finished)
        case "update":
            update = request.update
            return model.SessionUpdate(
                language=update.language if update.HasField("language") else None,
                on_hold=update.on_hold if update.HasField("on_hold") else None,
                muted=update.muted if update.HasField("muted") else None,
                turn_taking=_taking(update.turn_taking),
                no_barge_in=update.turn_taking.no_barge_in if update.turn_taking.HasField("no_barge_in") else None,
            )
        case "end_of_audio":
            return model.EndOfAudio()
        case "end":
            return model.EndSession(request.end.reason)
        case other:
            raise protocol_violation("audio, text or an end", f"a second {other}")


def _info(start: dialogue_pb2.StartSession) -> model.SessionInfo:
    context = start.context
    outbound = start.direction == dialogue_pb2.DIRECTION_OUTBOUND
    return model.SessionInfo(
        session_id="",
        tenant_id=context.tenant_id,
        region=context.region,
        correlation_id=context.correlation_id,
        language=context.language,
        time_zone=context.time_zone,
        domain=start.domain,
        direction="outbound" if outbound else "inbound",
        customer_id=start.customer.id,
        phone=start.customer.phone,
        device=start.device,
        flow=start.flow,
        labels=tuple(sorted(start.labels.items())),
        input_audio=_format(start.input_audio) if start.HasField("input_audio") else None,
        output_audio=_format(start.output_audio) if start.HasField("output_audio") else None,
        acknowledges_playback=start.acknowledges_playback,
        turn_taking=_taking(start.turn_taking),
        no_barge_in=start.turn_taking.no_barge_in,
    )


def _taking(proto: turn_taking_pb2.TurnTaking) -> model.TurnTaking:
    """Return what is set."""
    return model.TurnTaking(
        shortest_pause=seconds(proto.shortest_pause) if proto.HasField("shortest_pause") else None,
        longest_pause=seconds(proto.longest_pause) if proto.HasField("longest_pause") else None,
        barge_in_speaking=seconds(proto.barge_in_while_speaking) if proto.HasField("barge_in_while_speaking") else None,
        barge_in_thinking=seconds(proto.barge_in_while_thinking) if proto.HasField("barge_in_while_thinking") else None,
    )


def _format(proto: audio_pb2.AudioFormat) -> model.AudioFormat:
    encoding = _ENCODINGS.get(proto.encoding)
    if encoding is None:
        raise MeshError(
            ErrorReason.ERROR_REASON_INVALID_AUDIO,
            f"audio encoding {proto.encoding} is not known; use PCM16, MULAW or ALAW",
            metadata={"encoding": str(proto.encoding), "sample_rate_hz": str(proto.sample_rate_hz), "detail": ""},
        )
    return model.AudioFormat(encoding, proto.sample_rate_hz, proto.channels or 1)
