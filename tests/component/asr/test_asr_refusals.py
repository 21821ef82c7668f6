"""What bad input gets: the right reason, with advice, and the next call is as good as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest
from component.asr import calling
from component.asr.calling import END, FINALIZE, Heard, Request, config, frames, raw, reason, recording, silence, talk
from voicemesh.asr.v1 import asr_pb2
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

if TYPE_CHECKING:
    from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEREO = AudioFormat(encoding=calling.PCM16, sample_rate_hz=16_000, channels=2)
EIGHT = AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_MULAW, sample_rate_hz=8_000)


@pytest.mark.parametrize(
    ("requests", "expected", "advice"),
    [
        ([raw(b"\0\0")], "PROTOCOL_VIOLATION", "send config first"),
        ([FINALIZE], "PROTOCOL_VIOLATION", "send config first"),
        ([END], "PROTOCOL_VIOLATION", "send config first"),
        ([config(), config(EIGHT)], "PROTOCOL_VIOLATION", "open a new stream"),
        ([config(), config(correlation_id="call-2")], "PROTOCOL_VIOLATION", "context.correlation_id cannot change"),
        ([config(), config(STEREO)], "PROTOCOL_VIOLATION", "open a new stream"),
        ([config(), raw(b"\0\0\0")], "INVALID_AUDIO", "multiples of 2 bytes"),
        ([config(STEREO), raw(b"\0\0")], "INVALID_AUDIO", "multiples of 4 bytes"),
        ([config(language="fr-FR")], "UNRECOGNIZED_LANGUAGE", "en"),
        ([config(), config(language="de")], "UNRECOGNIZED_LANGUAGE", "en"),
        # Nobody has "eng": a tag's language must be the engine's whole tag.
        ([config(language="eng")], "UNRECOGNIZED_LANGUAGE", "en"),
        ([config(AudioFormat(encoding=calling.PCM16, sample_rate_hz=4_000))], "INVALID_REQUEST", "8000"),
        ([config(AudioFormat(sample_rate_hz=16_000))], "INVALID_REQUEST", "encoding"),
        ([config(), raw(bytes(2 << 20))], "INVALID_REQUEST", "65536"),
        ([config(), Request()], "INVALID_REQUEST", "request"),
        ([config(silence=-1.0)], "INVALID_REQUEST", "endpointing.silence"),
        ([config(max_utterance=3_600.0)], "INVALID_REQUEST", "from 0.1 s to 60 s"),
        ([config(timeout_s=1.0), *frames(silence(1.5))], "ASR_TIMEOUT", "nothing was said for 1 s"),
        ([config()], "CONNECTION_DROPPED", "send `end`"),
        ([config(), *frames(silence(0.2))], "CONNECTION_DROPPED", "send `end`"),
    ],
)
async def test_a_bad_stream_ends_with_its_reason(
    stub: AsrServiceStub, requests: list[Request], expected: str, advice: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await talk(stub, requests)
    assert reason(caught.value)[0] == expected
    assert advice in (caught.value.details() or "")
    samples = np.concatenate((recording("rms-4.flac"), silence(0.8)))
    assert (await talk(stub, [config(), *frames(samples), END])).texts == ["How much does a new kettle cost?"]


async def test_an_unknown_language_is_told_which_are_known(stub: AsrServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await talk(stub, [config(language="fr-FR")])
    assert reason(caught.value)[1] == {"language": "fr-FR", "supported": "en"}


async def test_a_caller_who_sends_nothing_at_all_times_out_by_the_clock(stub: AsrServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await talk(stub, [config(timeout_s=0.2)], hang_up=False)
    assert reason(caught.value) == ("ASR_TIMEOUT", {"limit_s": "0.2"})
    assert "no audio came" in (caught.value.details() or "")


async def test_silence_after_an_utterance_counts_from_its_end(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(3.0)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await talk(stub, [config(timeout_s=2.0), *frames(samples), END])
    assert reason(caught.value)[0] == "ASR_TIMEOUT"


async def test_what_was_sent_before_the_fault_is_still_answered(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(1.0)))
    heard = Heard()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await talk(stub, [config(), *frames(samples), raw(b"\0")], heard=heard)
    assert reason(caught.value)[0] == "INVALID_AUDIO"
    assert heard.texts == ["How much does a new kettle cost?"]


async def test_a_caller_who_vanishes_leaves_no_stream_behind(stub: AsrServiceStub) -> None:
    call = stub.StreamingRecognize(timeout=60)
    await call.write(config())
    for frame in frames(recording("rms-0.flac")):
        await call.write(frame)
    assert (await call.read()).activity.kind == asr_pb2.SpeechActivity.KIND_STARTED
    call.cancel()
    samples = np.concatenate((recording("rms-4.flac"), silence(0.8)))
    assert (await talk(stub, [config(), *frames(samples), END])).texts == ["How much does a new kettle cost?"]
