"""What bad input gets, and the unary calls."""

import grpc
import numpy as np
import pytest
from component.tts.tts_client import (
    Listener,
    Request,
    bytes_per_second,
    cancel,
    config,
    configure,
    end,
    flush,
    say,
    text,
)
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicemesh.common.v1.audio_pb2 import AudioEncoding
from voicemesh.tts.v1 import tts_service_pb2 as pb
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.config import ConfigError
from mesh.durations import seconds
from mesh.testing import serve
from services.tts.app import build
from services.tts.config import TtsSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


def stereo_of_three_channels() -> Request:
    request = configure()
    request.config.audio_format.channels = 3
    return request


@pytest.mark.parametrize(
    ("requests", "code", "reason"),
    [
        ([text("u", "Hello.")], "FAILED_PRECONDITION", "PROTOCOL_VIOLATION"),
        ([flush("u")], "FAILED_PRECONDITION", "PROTOCOL_VIOLATION"),
        ([cancel("u")], "FAILED_PRECONDITION", "PROTOCOL_VIOLATION"),
        ([Request()], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([configure(), text("", "Hello.")], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([configure(), text("u", "x" * 5001)], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([configure(voice="nobody")], "NOT_FOUND", "NOT_FOUND"),
        ([configure(voice="en-us+nobody")], "NOT_FOUND", "NOT_FOUND"),
        ([configure(language="tlh-KL")], "INVALID_ARGUMENT", "UNRECOGNIZED_LANGUAGE"),
        ([configure(), configure(language="tlh")], "INVALID_ARGUMENT", "UNRECOGNIZED_LANGUAGE"),
        ([configure(encoding=77)], "INVALID_ARGUMENT", "INVALID_AUDIO"),
        ([configure(rate_hz=4_000)], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([configure(speaking_rate=9.0)], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([stereo_of_three_channels()], "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ([configure(), *[text(f"u{n}", "x") for n in range(33)]], "RESOURCE_EXHAUSTED", "OVERLOADED"),
    ],
)
async def test_bad_input_ends_the_stream_with_its_reason(
    stub: TtsServiceStub, requests: list[Request], code: str, reason: str
) -> None:
    call = stub.StreamingSynthesize(iter(requests))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in call:
            pass
    assert refused.value.code() is grpc.StatusCode[code]
    assert info_of(refused.value).reason == reason
    assert len(refused.value.details() or "") > 20
    # The next call is none the worse.
    assert (await say(stub, configure(), text("u", "Hello.")))["u"].spoken == ["Hello"]


async def test_a_stream_without_an_end_is_a_dropped_connection(stub: TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in stub.StreamingSynthesize(iter([configure(), text("u", "Half a sentence")])):
            pass
    assert info_of(refused.value).reason == "CONNECTION_DROPPED"


async def test_an_unknown_language_is_answered_with_those_there_are(stub: TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListVoices(pb.ListVoicesRequest(language="tlh"))
    info = info_of(refused.value)
    assert info.metadata["language"] == "tlh"
    assert {"en-US", "de", "fr-FR", "pt-BR"} <= set(info.metadata["supported"].split(","))


async def test_an_unknown_voice_is_answered_with_names(stub: TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Synthesize(pb.SynthesizeRequest(config=config(voice="nobody"), text="Hello."))
    assert dict(info_of(refused.value).metadata) == {"kind": "voice", "name": "nobody"}
    assert "en-us" in (refused.value.details() or "")


async def test_text_that_is_not_utf8(stub: TtsServiceStub) -> None:
    good = text("u", "Hello.").SerializeToString()
    async with serve(build, TtsSettings()) as service, grpc.aio.insecure_channel(service.address) as channel:
        raw = channel.stream_stream("/voicemesh.tts.v1.TtsService/StreamingSynthesize")
        messages = [configure().SerializeToString(), good.replace(b"Hello.", b"Hel\xff\xfe.")]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in raw(iter(messages)):
                pass
    assert info_of(refused.value).reason == "MALFORMED_MESSAGE"


async def test_more_text_than_may_wait_is_refused() -> None:
    settings = TtsSettings(tts_max_pending_characters=5_000)
    async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        long = text("u", "This sentence is said again and again. " * 120)
        call = TtsServiceStub(channel).StreamingSynthesize()
        for request in (configure(), long, long):
            await call.write(request)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await Listener(call).to_the_end()
    assert info_of(refused.value).reason == "OVERLOADED"
    assert info_of(refused.value).metadata["limit"] == "5000"


async def test_a_client_that_vanishes_leaves_nothing_behind(stub: TtsServiceStub) -> None:
    call = stub.StreamingSynthesize()
    await call.write(configure(rate_hz=48_000))
    for _ in range(4):
        await call.write(text("u", "This sentence is said again and again. " * 120))
    listener = Listener(call, 96_000)
    await listener.until(lambda r: r.HasField("audio"))
    call.cancel()
    assert (await say(stub, configure(), text("u", "Hello.")))["u"].spoken == ["Hello"]


async def test_streams_are_spoken_at_once(stub: TtsServiceStub) -> None:
    calls = [stub.StreamingSynthesize() for _ in range(5)]
    for number, call in enumerate(calls):
        for request in (configure(), text("u", f"This is stream number {number}."), end()):
            await call.write(request)
    heard = [await Listener(call).to_the_end() for call in calls]
    assert [stream["u"].spoken[-1] for stream in heard] == ["0", "1", "2", "3", "4"]


async def test_a_whole_text(stub: TtsServiceStub) -> None:
    how = config(encoding=AudioEncoding.AUDIO_ENCODING_MULAW, rate_hz=8_000)
    whole = await stub.Synthesize(pb.SynthesizeRequest(config=how, text="Hello there. How are you?"))
    streamed = (await say(stub, Request(config=how), text("u", "Hello there. How are you?")))["u"]
    # The samples differ a little: the voice's flutter goes on from one text to the next.
    assert len(whole.audio) == pytest.approx(len(streamed.audio), rel=0.01)
    assert [word.text for word in whole.words] == streamed.spoken == ["Hello", "there", "How", "are", "you"]
    for one, other in zip(whole.words, streamed.words, strict=True):
        assert seconds(one.start) == pytest.approx(seconds(other.start), abs=0.02)
    assert whole.audio_format == how.audio_format
    assert seconds(whole.duration) == pytest.approx(len(whole.audio) / bytes_per_second(how.audio_format))
    nothing = await stub.Synthesize(pb.SynthesizeRequest(config=how, text="..."))
    assert nothing.audio == b""
    assert list(nothing.words) == []


async def test_there_is_a_pause_between_sentences(stub: TtsServiceStub) -> None:
    whole = await stub.Synthesize(pb.SynthesizeRequest(config=config(), text="Hello there. How are you?"))
    between = slice(*(int(seconds(t) * 16_000) for t in (whole.words[1].end, whole.words[2].start)))
    silence = np.frombuffer(whole.audio, "<i2")[between]
    assert 0.25 < silence.size / 16_000 < 0.5
    assert np.abs(silence.astype(int)).max() < 400


async def test_a_whole_text_that_is_too_long_is_refused() -> None:
    settings = TtsSettings(tts_max_unary_bytes=20_000)
    async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await TtsServiceStub(channel).Synthesize(
                pb.SynthesizeRequest(config=config(), text="One sentence here. " * 9)
            )
    assert info_of(refused.value).reason == "INVALID_REQUEST"
    assert "StreamingSynthesize" in (refused.value.details() or "")


@pytest.mark.parametrize(
    ("language", "first"),
    [
        ("en", "en-us"),
        ("en-GB", "en-gb"),
        ("en-AU", "en-us"),
        ("pt-BR", "pt-br"),
        ("zh", "cmn"),
        ("de-AT", "de"),
        ("es", "es-419"),
        ("es-MX", "es-419"),
        ("es-CO", "es-419"),
        ("es-ES", "es"),
    ],
)
async def test_a_languages_voices_begin_with_its_default(stub: TtsServiceStub, language: str, first: str) -> None:
    voices = (await stub.ListVoices(pb.ListVoicesRequest(language=language))).voices
    assert voices[0].name == first
    assert voices[0].engine == "espeak"
    assert voices[0].sample_rate_hz == 22_050


async def test_all_voices(stub: TtsServiceStub) -> None:
    voices = (await stub.ListVoices(pb.ListVoicesRequest())).voices
    assert len(voices) > 100
    assert len({voice.name for voice in voices}) == len(voices)


async def test_the_configured_voice_speaks_its_language() -> None:
    settings = TtsSettings(tts_voice="en-us+Gene2")
    async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        stub = TtsServiceStub(channel)

        async def level(**how: object) -> float:
            request = pb.SynthesizeRequest(config=config(**how), text="Hello, good morning.")  # type: ignore[arg-type]
            audio = np.frombuffer((await stub.Synthesize(request)).audio, "<i2")
            return float(np.sqrt(np.mean(audio.astype(float) ** 2)))

        loud = await level(voice="en-us+Gene2")
        assert loud > 1.3 * await level(voice="en-us")
        assert await level() == pytest.approx(loud, rel=0.1)
        assert await level(language="de") == pytest.approx(await level(voice="de"), rel=0.1)


@pytest.mark.parametrize(
    ("how", "advice"), [({"tts_voice": "nobody"}, "VOICEMESH_TTS_VOICE"), ({"tts_engine": "none"}, "no engine")]
)
async def test_wrong_settings_are_named(how: dict[str, str], advice: str) -> None:
    with pytest.raises(ExceptionGroup) as refused:
        async with serve(build, TtsSettings(**how)):  # type: ignore[arg-type]
            pass
    assert refused.group_contains(ConfigError, match=advice)
