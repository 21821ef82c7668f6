"""Understanding behind the NLU contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
from voicemesh.common.v1 import audio_pb2, speech_pb2
from voicemesh.nlu.v1 import nlu_pb2
from voicemesh.nlu.v1.nlu_service_pb2 import EndOfHypotheses, StreamingParseRequest, StreamingParseResponse
from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceStub

from mesh.calls import Duplex, duplex
from mesh.durations import seconds, to_duration
from services.dialogue import model
from services.dialogue.adapters.protos import CALLER, no_answer, request_context
from services.dialogue.policy import FurtherIntent

_NAME = "voicemesh.nlu.v1.NluService/StreamingParse"
_END = StreamingParseRequest(end=EndOfHypotheses())
_ANSWER_WITHIN_S = 5.0


class NluUnderstander:
    """One session's parse stream; one hypothesis is under way at a time."""

    def __init__(self, stream: Duplex[StreamingParseRequest, StreamingParseResponse], info: model.SessionInfo) -> None:
        self._stream = stream
        self._info = info
        self._waiting: dict[str, asyncio.Future[nlu_pb2.Parse]] = {}
        self._count = 0

    async def expect(self, expectation: model.Expectation, language: str) -> None:
        """Say what the conversation waits for from now on."""
        config = nlu_pb2.ParseConfig(
            context=request_context(self._info, language),
            domain=self._info.domain,
            expectation=nlu_pb2.Expectation(intents=expectation.intents, entity_types=expectation.entity_types),
        )
        await self._stream.send(StreamingParseRequest(config=config))

    async def understand(self, turn_id: str, heard: model.Heard) -> model.Understanding:
        """Return what a turn means.

        Raises:
            MeshError: DEPENDENCY_UNAVAILABLE when no answer comes: the conversation waits for it.
        """
        self._count += 1
        hypothesis = nlu_pb2.Hypothesis(id=str(self._count), turn_id=turn_id, text=heard.text, is_final=heard.is_final)
        hypothesis.words.extend(_word(w) for w in heard.words)
        future: asyncio.Future[nlu_pb2.Parse] = asyncio.get_running_loop().create_future()
        self._waiting[hypothesis.id] = future
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await self._stream.send(StreamingParseRequest(hypothesis=hypothesis))
                return understanding(heard.text, await future)
        except TimeoutError:
            raise no_answer("nlu", _ANSWER_WITHIN_S) from None
        finally:
            del self._waiting[hypothesis.id]

    async def read(self) -> None:
        """Hand answers to those who wait for them, until the stream ends."""
        async with contextlib.aclosing(self._stream.responses()) as responses:
            async for response in responses:
                future = self._waiting.get(response.hypothesis_id)
                if future is not None and not future.done():
                    future.set_result(response.parse)


def _word(word: model.Word) -> audio_pb2.Word:
    proto = audio_pb2.Word(text=word.text, start=to_duration(word.start), end=to_duration(word.end), speaker=CALLER)
    if word.confidence is not None:
        proto.confidence = word.confidence
    return proto


def understanding(text: str, parse: nlu_pb2.Parse) -> model.Understanding:
    """Return what a parse says of a text."""
    best = parse.intents[0] if parse.intents else None
    entities = tuple(_entity(e) for e in parse.entities)
    return model.Understanding(
        text=text,
        intent=best.name if best else "",
        confidence=best.confidence if best and best.HasField("confidence") else None,
        out_of_scope=parse.out_of_scope,
        entities=entities,
        sentiment=parse.sentiment.score if parse.HasField("sentiment") else None,
        further=tuple(_further(each, entities) for each in parse.further_intents),
    )


def _further(proto: nlu_pb2.FurtherIntent, entities: tuple[model.Entity, ...]) -> FurtherIntent:
    inside = (entity for entity in entities if proto.start_char <= entity.start_char < proto.end_char)
    confidence = proto.intent.confidence if proto.intent.HasField("confidence") else None
    return FurtherIntent(proto.intent.name, confidence, tuple(inside))


def _entity(proto: speech_pb2.Entity) -> model.Entity:
    return model.Entity(
        type=proto.type,
        value=proto.value,
        raw=proto.raw,
        start_char=proto.start_char,
        end_char=proto.end_char,
        confidence=proto.confidence if proto.HasField("confidence") else None,
        alternatives=tuple(proto.alternatives),
        start=seconds(proto.start) if proto.HasField("start") else None,
        end=seconds(proto.end) if proto.HasField("end") else None,
    )


@contextlib.asynccontextmanager
async def understander(channel: grpc.aio.Channel, info: model.SessionInfo) -> AsyncIterator[NluUnderstander]:
    """Open a session's parse stream."""
    async with duplex(NluServiceStub(channel).StreamingParse, "nlu", name=_NAME, end=_END) as stream:
        made = NluUnderstander(stream, info)
        await made.expect(model.Expectation(), info.language)
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(made.read())
            yield made
            reader.cancel()
