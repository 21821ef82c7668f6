"""Speech over a real stream, faster than real time."""

from __future__ import annotations

import asyncio
import difflib
import itertools
import re
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest
from component.asr import calling
from component.asr.calling import END, FINALIZE, TRUTH, Heard, config, frames, recording, silence, talk
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

from mesh.durations import seconds

if TYPE_CHECKING:
    from voicemesh.asr.v1.asr_pb2 import Transcript
    from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

MULAW, ALAW = AudioEncoding.AUDIO_ENCODING_MULAW, AudioEncoding.AUDIO_ENCODING_ALAW
PRICE = "How much does a new kettle cost?"
FRIDAY = "I would like to move my appointment to Friday afternoon."


def plain(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", "", text.lower()).split()


def likeness(text: str, truth: str) -> float:
    return difflib.SequenceMatcher(None, plain(text), plain(truth), autojunk=False).ratio()


async def test_at_a_pause_the_turn_is_decoded_in_advance_and_committed_as_it_is(stub: AsrServiceStub) -> None:
    call = stub.StreamingRecognize(timeout=60)
    heard = Heard()
    await call.write(config(interim=True))
    for frame in frames(np.concatenate((silence(0.5), recording("rms-4.flac"), silence(0.15)))):
        await call.write(frame)
    # The caller is silent in earnest: the server knows only a third of a second of it yet.
    while "speculative" not in heard.kinds:
        heard.responses.append(await call.read())
    for request in [*frames(silence(0.5)), END]:
        await call.write(request)
    while (response := await call.read()) is not grpc.aio.EOF:
        heard.responses.append(response)
    assert [kind for kind in heard.kinds if kind != "partial"] == ["started", "paused", "speculative", "ended", "final"]
    (final,) = heard.finals
    assert final.text == PRICE
    assert final.language == "en-US"
    assert not final.is_speculative
    assert 0.5 < final.confidence <= 1
    # The same words, not decoded again: the cost is that of the speculative one.
    (speculative,) = [t for t in heard.transcripts if t.is_speculative]
    assert seconds(final.compute_time) > 0
    assert (speculative.text, speculative.compute_time) == (final.text, final.compute_time)


async def test_speech_that_goes_on_makes_the_advance_worthless(stub: AsrServiceStub) -> None:
    call = stub.StreamingRecognize(timeout=60)
    heard = Heard()
    await call.write(config(interim=True, silence=1.5))
    for frame in frames(np.concatenate((recording("rms-4.flac"), silence(0.15)))):
        await call.write(frame)
    while "speculative" not in heard.kinds:
        heard.responses.append(await call.read())
    for request in [*frames(recording("rms-0.flac")), END]:
        await call.write(request)
    while (response := await call.read()) is not grpc.aio.EOF:
        heard.responses.append(response)
    assert "resumed" in heard.kinds
    (text,) = heard.texts
    assert likeness(text, f"{PRICE} {FRIDAY}") > 0.85
    assert next(t.text for t in heard.transcripts if t.is_speculative) == PRICE


async def test_messages_are_counted_and_placed_on_the_audio_clock(stub: AsrServiceStub) -> None:
    samples = np.concatenate((silence(0.5), recording("rms-4.flac"), silence(1.0)))
    heard = await talk(stub, [config(), *frames(samples), END])
    assert [r.sequence for r in heard.responses] == list(range(len(heard.responses)))
    offsets = [seconds(r.audio_offset) for r in heard.responses]
    assert offsets == sorted(offsets)
    (final,) = heard.finals
    spoken = TRUTH["rms-4.flac"]["words"]
    assert seconds(final.start) == pytest.approx(0.5 + spoken[0]["start_s"], abs=0.12)
    assert seconds(final.end) == pytest.approx(0.5 + spoken[-1]["end_s"], abs=0.12)
    ended = heard.responses[-2].activity
    assert ended.at == final.end
    # The decision fell half a second of audio after the voice, not later.
    assert offsets[-1] - seconds(final.end) == pytest.approx(0.48, abs=0.15)


async def test_words_have_times_on_the_audio_clock_and_confidences(stub: AsrServiceStub) -> None:
    samples = np.concatenate((silence(2.0), recording("rms-0.flac"), silence(1.0)))
    heard = await talk(stub, [config(), *frames(samples), END])
    (final,) = heard.finals
    assert " ".join(word.text for word in final.words) == final.text == FRIDAY
    for word, spoken in zip(final.words, TRUTH["rms-0.flac"]["words"], strict=True):
        assert seconds(word.start) == pytest.approx(2.0 + spoken["start_s"], abs=0.4)
        assert seconds(word.end) == pytest.approx(2.0 + spoken["end_s"], abs=0.4)
        assert 0 < word.confidence <= 1


async def test_partial_transcripts_grow_towards_the_final(stub: AsrServiceStub) -> None:
    # They come when the engine has time for them: the caller speaks on until there were two.
    call = stub.StreamingRecognize(timeout=60)
    heard = Heard()

    def partial() -> list[Transcript]:
        return [t for t in heard.transcripts if not t.is_final and not t.is_speculative]

    async def speak() -> None:
        await call.write(config(interim=True))
        for frame in itertools.cycle(frames(recording("rms-0.flac"))):
            await call.write(frame)
            await asyncio.sleep(0.02)
            if len(partial()) >= 2:
                break
        await call.write(END)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speak())
        while (response := await call.read()) is not grpc.aio.EOF:
            heard.responses.append(response)
    assert not any(t.words for t in partial())
    assert [seconds(t.end) for t in partial()] == sorted(seconds(t.end) for t in partial())
    assert heard.kinds[-1] == "final"


async def test_only_finals_come_where_nothing_else_is_wanted(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(1.0)))
    heard = await talk(stub, [config(interim=False), *frames(samples), END])
    assert [t.is_final for t in heard.transcripts] == [True]


@pytest.mark.parametrize(
    "fmt",
    [
        AudioFormat(encoding=MULAW, sample_rate_hz=8_000),
        AudioFormat(encoding=ALAW, sample_rate_hz=8_000),
        AudioFormat(encoding=calling.PCM16, sample_rate_hz=44_100, channels=2),
        AudioFormat(encoding=calling.PCM16, sample_rate_hz=48_000),
        AudioFormat(encoding=calling.PCM16, sample_rate_hz=22_050),
    ],
    ids=lambda fmt: f"{AudioEncoding.Name(fmt.encoding)[15:]}-{fmt.sample_rate_hz}-{fmt.channels or 1}",
)
async def test_every_format_is_understood(stub: AsrServiceStub, fmt: AudioFormat) -> None:
    samples = np.concatenate((silence(0.3), recording("rms-0.flac"), silence(0.8)))
    heard = await talk(stub, [config(fmt), *frames(samples, fmt), END])
    (text,) = heard.texts
    assert likeness(text, FRIDAY) >= 0.8, text
    assert seconds(heard.finals[0].start) == pytest.approx(0.3 + TRUTH["rms-0.flac"]["words"][0]["start_s"], abs=0.15)


async def test_two_utterances_in_large_frames(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(1.0), recording("rms-0.flac"), silence(1.0)))
    heard = await talk(stub, [config(), *frames(samples, frame_s=2.0), END])
    assert heard.texts == [PRICE, FRIDAY]
    assert [t.utterance for t in heard.finals] == [0, 1]


async def test_frames_of_a_single_sample_are_taken_too(stub: AsrServiceStub) -> None:
    head, tail = np.split(recording("slt-4.flac"), [200])
    samples = [*frames(head, frame_s=1 / 16_000), *frames(tail), *frames(silence(1.0))]
    heard = await talk(stub, [config(), *samples, END])
    assert heard.texts == [PRICE]


async def test_finalize_ends_the_utterance_in_progress(stub: AsrServiceStub) -> None:
    first = frames(recording("rms-4.flac"))
    second = frames(recording("rms-0.flac"))
    heard = await talk(stub, [config(manual=True), *first, FINALIZE, *second, FINALIZE, FINALIZE, END])
    assert heard.texts == [PRICE, FRIDAY]
    assert heard.kinds.count("ended") == 2


async def test_without_finalize_a_manual_utterance_lasts_until_the_end(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(3.0)))
    heard = await talk(stub, [config(manual=True), *frames(samples), END])
    assert heard.kinds == ["started", "paused", "ended", "final"]
    assert heard.texts == [PRICE]


async def test_the_end_answers_what_is_pending(stub: AsrServiceStub) -> None:
    # The recording ends within the endpointing silence, at another rate: the resampler's rest is needed as well.
    fmt = AudioFormat(encoding=calling.PCM16, sample_rate_hz=8_000)
    spoken = TRUTH["rms-4.flac"]["words"][-1]["end_s"]
    heard = await talk(stub, [config(fmt), *frames(recording("rms-4.flac")[: round(spoken * 16_000)], fmt), END])
    assert heard.kinds == ["started", "ended", "final"]
    assert likeness(heard.texts[0], PRICE) > 0.8


async def test_silence_alone_gives_nothing(stub: AsrServiceStub) -> None:
    heard = await talk(stub, [config(), *frames(silence(3.0)), END])
    assert heard.responses == []


async def test_the_configuration_can_change_on_the_way(stub: AsrServiceStub) -> None:
    question = np.concatenate((recording("rms-4.flac"), silence(0.7)))
    heard = await talk(
        stub,
        [config(silence=0.48), *frames(question), config(silence=2.0), *frames(question), *frames(question), END],
    )
    # Under the longer limit the second and third time run together.
    assert [t.utterance for t in heard.finals] == [0, 1]
    assert heard.texts[0] == PRICE
    assert len(heard.texts[1]) > 1.5 * len(PRICE)


async def test_an_utterance_is_cut_at_the_longest_allowed(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-0.flac"), silence(1.0)))
    heard = await talk(stub, [config(max_utterance=1.5), *frames(samples), END])
    assert len(heard.finals) >= 2
    first, second = heard.finals[:2]
    assert seconds(first.end) - seconds(first.start) <= 1.6
    assert seconds(second.start) >= seconds(first.end)


async def test_a_likely_phrase_wins_where_it_was_misheard_and_not_where_it_was_not_said(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("slt-3.flac"), silence(1.0)))
    bare = await talk(stub, [config(), *frames(samples), END])
    helped = await talk(stub, [config(phrases=["whitening", "Friday", "filling"]), *frames(samples), END])
    assert "widening" in bare.texts[0]
    assert helped.texts[0] == bare.texts[0].replace("widening", "whitening")


async def test_a_partial_transcript_says_how_much_of_it_stood_already(stub: AsrServiceStub) -> None:
    samples = np.concatenate((silence(0.3), recording("rms-4.flac"), silence(0.8)))
    heard = await talk(stub, [config(interim=True), *frames(samples), *frames(samples), END])
    for utterance in (0, 1):
        before = None
        for transcript in [t for t in heard.transcripts if t.utterance == utterance]:
            if transcript.is_final:
                assert transcript.stability == 1
            elif before is None:
                assert not transcript.HasField("stability"), "there is nothing to compare the first with"
            else:
                assert 0 <= transcript.stability <= 1
                same = [one == other for one, other in zip(plain(before), plain(transcript.text), strict=False)]
                kept = same.index(False) if False in same else len(same)
                assert transcript.stability == pytest.approx(kept / len(plain(transcript.text)))
            before = transcript.text


async def test_words_say_who_is_heard_where_the_client_said_so(stub: AsrServiceStub) -> None:
    samples = np.concatenate((recording("rms-4.flac"), silence(0.8)))
    for speaker in ("caller", ""):
        (final,) = (await talk(stub, [config(speaker=speaker), *frames(samples), END])).finals
        assert {word.speaker for word in final.words} == {speaker}
