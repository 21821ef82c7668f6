"""The interceptors around a real server: every refusal has a reason, nothing is left behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicemesh.asr.v1 import asr_pb2, asr_service_pb2, asr_service_pb2_grpc
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat
from voicemesh.common.v1.context_pb2 import RequestContext

from mesh.config import ConfigError, ServiceSettings
from mesh.errors import ErrorReason, MeshError, from_rpc_error
from mesh.serving import Runtime
from mesh.streams import respond
from mesh.testing import serve

pb = asr_service_pb2


class EchoAsr(asr_service_pb2_grpc.AsrServiceServicer):
    """Answers each audio frame with a transcript of its length; a first byte of 255 makes it fail."""

    def __init__(self) -> None:
        self.open_streams = 0
        self.error: BaseException | None = None

    async def StreamingRecognize(self, request_iterator, context):
        async def run(send):
            self.open_streams += 1
            try:
                async for request in request_iterator:
                    if request.WhichOneof("request") == "end":
                        return
                    if self.error is not None:
                        raise self.error
                    text = "x" * 60_000 if request.audio.data == b"flood" else str(len(request.audio.data))
                    repeats = 1000 if request.audio.data == b"flood" else 1
                    for _ in range(repeats):
                        await send(pb.StreamingRecognizeResponse(transcript=asr_pb2.Transcript(text=text)))
            finally:
                self.open_streams -= 1

        async with contextlib.aclosing(respond(run, capacity=4)) as responses:
            async for response in responses:
                yield response

    async def Recognize(self, request, context):
        if self.error is not None:
            raise self.error
        await asyncio.sleep(3600)

    async def ListEngines(self, request, context):
        return pb.ListEnginesResponse()


def audio(data: bytes) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(audio=asr_pb2.AudioFrame(data=data))


END = pb.StreamingRecognizeRequest(end=asr_pb2.EndOfAudio())


@pytest.fixture
async def echo() -> AsyncIterator[tuple[EchoAsr, asr_service_pb2_grpc.AsrServiceStub, str]]:
    servicer = EchoAsr()

    async def build(settings: ServiceSettings, runtime: Runtime) -> None:
        descriptor = asr_service_pb2.DESCRIPTOR.services_by_name["AsrService"]
        runtime.add_servicer(asr_service_pb2_grpc.add_AsrServiceServicer_to_server, servicer, descriptor)

    settings = ServiceSettings(stall_limit_s=0.5, unary_limit_s=0.3, drain_s=1)
    async with serve(build, settings) as ready, grpc.aio.insecure_channel(ready.address) as channel:
        yield servicer, asr_service_pb2_grpc.AsrServiceStub(channel), ready.address


async def reason_of(awaitable) -> tuple[int, str, dict[str, str], grpc.StatusCode]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    error = from_rpc_error(caught.value)
    return error.reason, error.message, error.metadata, caught.value.code()


async def test_a_stream_answers_and_ends_by_its_explicit_end(echo):
    servicer, stub, _ = echo
    call = stub.StreamingRecognize(iter([audio(b"ab"), audio(b"abcd"), END]))
    assert [r.transcript.text async for r in call] == ["2", "4"]
    assert servicer.open_streams == 0


async def test_rules_on_fields_are_enforced_on_streams(echo):
    _, stub, _ = echo
    call = stub.StreamingRecognize(iter([audio(b"x" * 65_537)]))
    reason, message, metadata, code = await reason_of(call.read())
    assert reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert metadata == {"field": "audio.data", "rule": "max_size"}
    assert "at most 65536" in message


async def test_an_empty_oneof_is_refused(echo):
    _, stub, _ = echo
    call = stub.StreamingRecognize(iter([pb.StreamingRecognizeRequest()]))
    reason, message, _, _ = await reason_of(call.read())
    assert reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
    assert "set one of config, audio, finalize, end" in message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda r: r.context.ClearField("tenant_id"), "context.tenant_id"),
        (lambda r: setattr(r.context, "tenant_id", "Big Corp"), "context.tenant_id"),
        (lambda r: setattr(r.context, "language", "english please"), "context.language"),
        (lambda r: r.ClearField("context"), "context"),
        (lambda r: setattr(r.audio_format, "sample_rate_hz", 7999), "audio_format.sample_rate_hz"),
        (lambda r: setattr(r.audio_format, "sample_rate_hz", 96_000), "audio_format.sample_rate_hz"),
        (lambda r: setattr(r.audio_format, "encoding", 0), "audio_format.encoding"),
        (lambda r: r.ClearField("audio"), "audio"),
        (lambda r: r.phrases.extend(["a"] * 501), "phrases"),
        (lambda r: setattr(r.context, "time_zone", "Europe\0"), "context.time_zone"),
    ],
)
async def test_rules_on_fields_are_enforced_on_unary_calls(echo, change, field):
    _, stub, _ = echo
    request = pb.RecognizeRequest(
        context=RequestContext(tenant_id="t", region="local", correlation_id="c", language="en"),
        audio_format=AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000),
        audio=b"ab",
    )
    change(request)
    reason, _, metadata, _ = await reason_of(stub.Recognize(request))
    assert reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
    assert metadata["field"] == field


async def test_text_that_is_not_utf8_is_refused_with_a_reason(echo):
    _, _, address = echo
    async with grpc.aio.insecure_channel(address) as channel:
        recognize = channel.unary_unary("/voicemesh.asr.v1.AsrService/Recognize")
        reason, message, _, code = await reason_of(recognize(b"\x0a\x04\x0a\x02\xff\xfe"))
    assert reason == ErrorReason.ERROR_REASON_MALFORMED_MESSAGE
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in message


async def test_the_server_ends_a_unary_call_at_its_own_limit(echo):
    _, stub, _ = echo
    request = pb.RecognizeRequest(
        context=RequestContext(tenant_id="t", region="local", correlation_id="c", language="en"),
        audio_format=AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000),
        audio=b"ab",
    )
    reason, _, metadata, code = await reason_of(stub.Recognize(request))
    assert (reason, code) == (ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert metadata["limit_s"] == "0.3"


async def test_errors_carry_their_reason_and_retry(echo):
    servicer, stub, _ = echo
    servicer.error = MeshError(
        ErrorReason.ERROR_REASON_OVERLOADED, "full", retry_after_s=2, metadata={"limit": "1", "in_progress": "1"}
    )
    reason, message, metadata, code = await reason_of(stub.StreamingRecognize(iter([audio(b"a")])).read())
    assert (reason, message) == (ErrorReason.ERROR_REASON_OVERLOADED, "full")
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert metadata == {"limit": "1", "in_progress": "1"}


async def test_a_failure_in_a_task_group_is_internal_and_names_its_trace(echo):
    servicer, stub, _ = echo
    servicer.error = ExceptionGroup("tasks", [KeyError("oops")])
    reason, message, metadata, _ = await reason_of(stub.StreamingRecognize(iter([audio(b"a")])).read())
    assert reason == ErrorReason.ERROR_REASON_INTERNAL
    assert "oops" not in message
    assert set(metadata) == {"trace_id"}


async def test_a_client_that_never_reads_is_ended(echo):
    servicer, stub, _ = echo
    call = stub.StreamingRecognize()
    await call.write(audio(b"flood"))
    for _ in range(200):
        await asyncio.sleep(0.05)
        if servicer.open_streams == 0:
            break
    assert servicer.open_streams == 0
    assert [r async for r in stub.StreamingRecognize(iter([audio(b"ab"), END]))], "the next call is unaffected"
    call.cancel()


@pytest.mark.parametrize("how", ["cancel", "drop"])
async def test_a_client_that_vanishes_leaves_nothing(echo, how):
    servicer, _, address = echo
    async with grpc.aio.insecure_channel(address) as channel:
        call = asr_service_pb2_grpc.AsrServiceStub(channel).StreamingRecognize()
        await call.write(audio(b"ab"))
        assert (await call.read()).transcript.text == "2"
        assert servicer.open_streams == 1
        if how == "cancel":
            call.cancel()
    for _ in range(200):
        if servicer.open_streams == 0:
            break
        await asyncio.sleep(0.02)
    assert servicer.open_streams == 0


async def test_health_is_told_by_service_name(echo):
    _, _, address = echo
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "voicemesh.asr.v1.AsrService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"])
async def test_local_mode_refuses_to_listen_beyond_loopback(address):
    async def build(settings: ServiceSettings, runtime: Runtime) -> None:
        raise AssertionError("never built")

    with pytest.raises(ConfigError, match="loopback"):
        async with serve(build, ServiceSettings(listen=address)):
            pass


async def test_a_character_that_no_database_takes_is_refused(echo):
    _, stub, _ = echo
    request = pb.RecognizeRequest(
        context=RequestContext(tenant_id="t", region="local", correlation_id="c", language="en"),
        audio_format=AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000),
        audio=b"ab",
        phrases=["fine", "not\0fine"],
    )
    reason, message, metadata, _ = await reason_of(stub.Recognize(request))
    assert reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
    assert metadata["field"] == "phrases[1]"
    assert "U+0000" in message
