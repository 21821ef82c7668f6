"""Between the wire and the domain, nothing else."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from voicemesh.common.v1 import speech_pb2
from voicemesh.nlu.v1 import nlu_pb2, nlu_service_pb2, nlu_service_pb2_grpc

from mesh.contexts import StreamContext
from mesh.durations import seconds, to_datetime, to_duration
from mesh.streams import respond
from services.nlu.handlers import Config, Understanding, Understood
from services.nlu.model import Entity, Expectation, FurtherIntent, TimedWord
from services.nlu.stream import End, Hypothesis, Message, Send, answer_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    Rpc = grpc.aio.ServicerContext[object, object]


class NluServicer(nlu_service_pb2_grpc.NluServiceServicer):
    """The gRPC face of the understanding."""

    def __init__(self, understanding: Understanding) -> None:
        self._understanding = understanding

    async def StreamingParse(
        self, request_iterator: AsyncIterator[nlu_service_pb2.StreamingParseRequest], _context: Rpc
    ) -> AsyncIterator[nlu_service_pb2.StreamingParseResponse]:
        """Parse the hypotheses of a conversation's turns."""
        messages = _messages(request_iterator)
        sequence = itertools.count()

        async def run(send: Send) -> None:
            await answer_stream(self._understanding, messages, send)

        async with contextlib.aclosing(respond(run)) as answers:
            async for answer in answers:
                words = answer.hypothesis.words
                yield nlu_service_pb2.StreamingParseResponse(
                    sequence=next(sequence),
                    hypothesis_id=answer.hypothesis.id,
                    turn_id=answer.hypothesis.turn_id,
                    parse=_parse(answer.understood),
                    audio_offset=to_duration(words[-1].end_s) if words else None,
                )

    async def ParseText(
        self, request: nlu_service_pb2.ParseTextRequest, _context: Rpc
    ) -> nlu_service_pb2.ParseTextResponse:
        """Parse one text."""
        understood = await self._understanding.parse(_config(request), request.text)
        return nlu_service_pb2.ParseTextResponse(parse=_parse(understood))

    async def ListDomains(
        self, _request: nlu_service_pb2.ListDomainsRequest, _context: Rpc
    ) -> nlu_service_pb2.ListDomainsResponse:
        """Say which domains are known here."""
        return nlu_service_pb2.ListDomainsResponse(
            domains=[
                nlu_pb2.Domain(
                    name=info.name,
                    languages=info.languages,
                    intents=info.intents,
                    entity_types=info.entity_types,
                )
                for info in self._understanding.domains()
            ]
        )


async def _messages(requests: AsyncIterator[nlu_service_pb2.StreamingParseRequest]) -> AsyncIterator[Message]:
    whose = StreamContext()
    async for request in requests:
        match request.WhichOneof("request"):
            case "config":
                whose.take(request.config.context)
                yield _config(request.config)
            case "hypothesis":
                yield _hypothesis(request.hypothesis)
            case _:
                yield End()


def _config(wire: nlu_pb2.ParseConfig | nlu_service_pb2.ParseTextRequest) -> Config:
    return Config(
        domain=wire.domain,
        language=wire.context.language,
        time_zone=wire.context.time_zone,
        reference=to_datetime(wire.reference_time) if wire.HasField("reference_time") else None,
        expectation=Expectation(tuple(wire.expectation.intents), tuple(wire.expectation.entity_types)),
    )


def _hypothesis(wire: nlu_pb2.Hypothesis) -> Hypothesis:
    return Hypothesis(
        id=wire.id,
        turn_id=wire.turn_id,
        text=wire.text,
        words=tuple(TimedWord(word.text, seconds(word.start), seconds(word.end)) for word in wire.words),
    )


def _parse(understood: Understood) -> nlu_pb2.Parse:
    parse = understood.parse
    wire = nlu_pb2.Parse(
        intents=[speech_pb2.IntentCandidate(name=i.name, confidence=i.confidence) for i in parse.intents],
        out_of_scope=parse.out_of_scope,
        entities=[_entity(entity) for entity in parse.entities],
        further_intents=[_further(further) for further in parse.further],
        engine=parse.engine,
        compute_time=to_duration(understood.compute_s),
    )
    if parse.sentiment is not None:
        wire.sentiment.score = parse.sentiment.score
        if parse.sentiment.confidence is not None:
            wire.sentiment.confidence = parse.sentiment.confidence
    return wire


def _further(further: FurtherIntent) -> nlu_pb2.FurtherIntent:
    intent = speech_pb2.IntentCandidate(name=further.intent.name, confidence=further.intent.confidence)
    return nlu_pb2.FurtherIntent(intent=intent, start_char=further.start_char, end_char=further.end_char)


def _entity(entity: Entity) -> speech_pb2.Entity:
    return speech_pb2.Entity(
        type=entity.type,
        raw=entity.raw,
        value=entity.value,
        start_char=entity.start_char,
        end_char=entity.end_char,
        confidence=entity.confidence,
        start=to_duration(entity.start_s) if entity.start_s is not None else None,
        end=to_duration(entity.end_s) if entity.end_s is not None else None,
        alternatives=entity.alternatives,
    )
