"""Whole recordings, the list of engines, and whether a wrong word scores lower than a right one."""

from __future__ import annotations

import difflib
import re
from statistics import fmean
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest
from component.asr import calling
from component.asr.calling import TRUTH, context, reason, recording, silence
from voicemesh.asr.v1 import asr_service_pb2
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

from mesh import audio
from mesh.durations import seconds

if TYPE_CHECKING:
    from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

TELEPHONE = AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_MULAW, sample_rate_hz=8_000)


def of_bytes(data: bytes) -> asr_service_pb2.RecognizeRequest:
    return asr_service_pb2.RecognizeRequest(context=context(), audio_format=calling.SPEECH, audio=data)


def request(
    samples: np.ndarray, fmt: AudioFormat = calling.SPEECH, language: str = "en-US"
) -> asr_service_pb2.RecognizeRequest:
    encoder = audio.StreamEncoder(16_000, fmt)
    return asr_service_pb2.RecognizeRequest(
        context=context(language), audio_format=fmt, audio=encoder.feed(samples) + encoder.flush()
    )


def plain(text: str) -> str:
    return re.sub(r"[^a-z']", "", text.lower())


async def test_a_recording_is_split_into_its_utterances(stub: AsrServiceStub) -> None:
    samples = np.concatenate((silence(0.7), recording("rms-4.flac"), silence(1.2), recording("rms-0.flac")))
    answer = await stub.Recognize(request(samples))
    one, two = answer.transcripts
    assert (one.text, two.text) == (
        "How much does a new kettle cost?",
        "I would like to move my appointment to Friday afternoon.",
    )
    assert one.is_final
    assert two.is_final
    assert (one.utterance, two.utterance) == (0, 1)
    assert seconds(answer.audio_duration) == pytest.approx(len(samples) / 16_000)
    gap = 0.7 + len(recording("rms-4.flac")) / 16_000 + 1.2
    first = TRUTH["rms-0.flac"]["words"][0]
    assert seconds(two.start) == pytest.approx(gap + first["start_s"], abs=0.15)
    assert seconds(two.words[0].start) == pytest.approx(gap + first["start_s"], abs=0.2)


async def test_a_silent_recording_says_nothing(stub: AsrServiceStub) -> None:
    answer = await stub.Recognize(request(silence(2.0), TELEPHONE))
    assert list(answer.transcripts) == []
    assert seconds(answer.audio_duration) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            asr_service_pb2.RecognizeRequest(context=context(), audio_format=calling.SPEECH, audio=b"\0"),
            "INVALID_AUDIO",
        ),
        (asr_service_pb2.RecognizeRequest(context=context(), audio_format=calling.SPEECH), "INVALID_REQUEST"),
        (request(silence(0.1), language="ja"), "UNRECOGNIZED_LANGUAGE"),
    ],
)
async def test_a_bad_recording_is_refused(
    stub: AsrServiceStub, bad: asr_service_pb2.RecognizeRequest, expected: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recognize(bad)
    assert reason(caught.value)[0] == expected


async def test_the_engine_says_what_it_is(stub: AsrServiceStub) -> None:
    (engine,) = (await stub.ListEngines(asr_service_pb2.ListEnginesRequest())).engines
    assert (engine.name, engine.model, list(engine.languages)) == ("moonshine", "tiny-en", ["en"])


async def test_a_wrong_word_scores_lower_than_a_right_one(stub: AsrServiceStub) -> None:
    random = np.random.default_rng(3)
    right: list[float] = []
    wrong: list[float] = []
    for name, truth in TRUTH.items():
        clean = recording(name)
        # As loud as a third of the voice: the recogniser is to err, and to know it.
        noise = random.standard_normal(len(clean)).astype(np.float32) * np.sqrt(np.mean(clean**2) / 10)
        for samples, fmt in ((clean, calling.SPEECH), (clean + noise, TELEPHONE)):
            answer = await stub.Recognize(request(np.concatenate((silence(0.3), samples)), fmt))
            words = [word for transcript in answer.transcripts for word in transcript.words]
            matching = difflib.SequenceMatcher(
                None, [plain(w.text) for w in words], [plain(w) for w in truth["text"].split()], autojunk=False
            )
            hits = {n for block in matching.get_matching_blocks() for n in range(block.a, block.a + block.size)}
            for number, word in enumerate(words):
                (right if number in hits else wrong).append(word.confidence)
    assert len(right) > 100
    assert len(wrong) > 20
    assert fmean(right) > fmean(wrong) + 0.25
    # Any right word goes before any wrong one four times in five.
    ordered = fmean(float(r > w) for r in right for w in wrong)
    assert ordered > 0.8
