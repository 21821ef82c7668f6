"""Neighbours that live, take what they are sent and answer nothing: the conversation does not wait for ever."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from fakes.call_store import HEARD, INFO
from fakes.conversation import PCM
from voicemesh.nlu.v1 import nlu_service_pb2
from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceServicer, add_NluServiceServicer_to_server
from voicemesh.tts.v1 import tts_service_pb2
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceServicer, add_TtsServiceServicer_to_server

from mesh.config import ServiceSettings
from mesh.errors import ErrorReason, MeshError
from mesh.serving import Runtime
from mesh.testing import serve
from services.dialogue.adapters import nlu, tts

SPEAKING = replace(INFO, output_audio=PCM)


async def silence(requests) -> AsyncIterator[None]:
    async for request in requests:
        if request.HasField("end"):
            return
        if False:
            yield


class Silent(NluServiceServicer, TtsServiceServicer):
    """Both services."""

    def StreamingParse(self, request_iterator, context):
        return silence(request_iterator)

    def StreamingSynthesize(self, request_iterator, context):
        return silence(request_iterator)


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        services = nlu_service_pb2.DESCRIPTOR.services_by_name["NluService"]
        runtime.add_servicer(add_NluServiceServicer_to_server, Silent(), services)
        services = tts_service_pb2.DESCRIPTOR.services_by_name["TtsService"]
        runtime.add_servicer(add_TtsServiceServicer_to_server, Silent(), services)

    async with (
        serve(build, ServiceSettings(drain_s=0)) as ready,
        grpc.aio.insecure_channel(ready.address) as channel,
    ):
        yield channel


async def test_an_understanding_that_does_not_come(channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nlu, "_ANSWER_WITHIN_S", 0.1)
    async with nlu.understander(channel, SPEAKING) as understander:
        with pytest.raises(MeshError, match="nlu did not answer") as caught:
            await understander.understand("c1", HEARD)
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE


async def test_speech_that_does_not_come(channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tts, "_PIECE_WITHIN_S", 0.1)
    async with tts.voice(channel, SPEAKING) as voice, contextlib.aclosing(voice.speak("a1", ["Hello."])) as pieces:
        with pytest.raises(MeshError, match="tts did not answer") as caught:
            await anext(pieces)
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE
