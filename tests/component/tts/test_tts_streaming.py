"""Streaming synthesis over a real server, with the default engine."""

import numpy as np
import pytest
from component.tts.tts_client import Heard, Listener, cancel, configure, end, flush, say, text
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.audio import decode
from mesh.durations import seconds

SENTENCE = "Hello, Dr. Smith, your order A4512 costs $49.90. Can you come on Tuesday at 10:30?"
WORDS = [
    *("Hello", "Dr", "Smith", "your", "order", "A4512", "costs", "$49.90"),
    *("Can", "you", "come", "on", "Tuesday", "at", "10:30"),
]
RATE = 16_000
pytestmark = pytest.mark.asyncio(loop_scope="module")


def samples(heard: Heard) -> np.ndarray:
    return np.frombuffer(heard.audio, "<i2").astype(np.float32) / 32_768


async def test_audio_comes_in_packets_that_join_without_a_gap(stub: TtsServiceStub) -> None:
    heard = (await say(stub, configure(), text("u", SENTENCE)))["u"]
    at_s = 0.0
    for packet in heard.packets:
        assert seconds(packet.offset) == pytest.approx(at_s, abs=1e-5)
        at_s += len(packet.data) / 2 / RATE
    lengths = [len(packet.data) / 2 / RATE for packet in heard.packets]
    assert 0.02 <= lengths[0] <= 0.06
    assert max(lengths) <= 0.2
    assert sorted(lengths[1:])[len(lengths) // 2] == pytest.approx(0.2)
    assert heard.done is not None
    assert seconds(heard.done.duration) == pytest.approx(at_s, abs=1e-4)
    assert not heard.done.cancelled
    assert seconds(heard.done.first_audio_after) > 0
    assert 6 < at_s < 11


async def test_words_lie_where_the_sound_is(stub: TtsServiceStub) -> None:
    heard = (await say(stub, configure(), text("u", SENTENCE)))["u"]
    audio = samples(heard)
    assert heard.spoken == WORDS
    at_s = 0.0
    inside = np.zeros(audio.size, bool)
    for word in heard.words:
        start_s, end_s = seconds(word.start), seconds(word.end)
        assert at_s <= start_s < end_s <= audio.size / RATE
        at_s = end_s
        span = slice(int(start_s * RATE), int(end_s * RATE) + 1)
        inside[span] = True
        assert np.sqrt(np.mean(audio[span] ** 2)) > 0.02
    assert np.sum(audio[inside] ** 2) > 0.99 * np.sum(audio**2)
    # The pauses behind "Hello," and "$49.90." belong to no word.
    assert np.count_nonzero(~inside) / RATE > 0.4


async def test_pieces_make_no_difference(stub: TtsServiceStub) -> None:
    whole = await say(stub, configure(), text("u", SENTENCE))
    pieces = [text("u", SENTENCE[at : at + 7]) for at in range(0, len(SENTENCE), 7)]
    parts = await say(stub, configure(), *pieces)
    assert parts["u"].spoken == whole["u"].spoken
    assert seconds(parts["u"].words[-1].end) == pytest.approx(seconds(whole["u"].words[-1].end), abs=0.05)


async def test_a_sentence_is_spoken_before_the_text_ends(stub: TtsServiceStub) -> None:
    call = stub.StreamingSynthesize()
    listener = Listener(call)
    await call.write(configure())
    await call.write(text("u", "One sentence. And half of"))
    await listener.until(lambda r: "sentence" in [word.text for word in r.words.words])
    await call.write(text("u", " another one."))
    await call.write(end())
    heard = await listener.to_the_end()
    assert heard["u"].spoken == ["One", "sentence", "And", "half", "of", "another", "one"]


async def test_flush_speaks_half_a_sentence_and_ends_the_utterance(stub: TtsServiceStub) -> None:
    call = stub.StreamingSynthesize()
    listener = Listener(call)
    for request in (configure(), text("u", "this sentence has no"), flush("u")):
        await call.write(request)
    heard = await listener.until_done("u")
    assert heard.spoken == ["this", "sentence", "has", "no"]
    await call.write(text("next", "More."))
    await call.write(end())
    assert (await listener.to_the_end())["next"].spoken == ["More"]


@pytest.mark.parametrize("nothing", ["", "  \n ", "... !?", "–"])  # noqa: RUF001
async def test_a_text_without_words_is_done_at_once(stub: TtsServiceStub, nothing: str) -> None:
    heard = await say(stub, configure(), text("u", nothing), flush("u"), flush("never began"))
    for utterance in heard.values():
        assert utterance.audio == b""
        assert utterance.done is not None
        assert seconds(utterance.done.duration) == 0
        assert not utterance.done.HasField("first_audio_after")
    assert set(heard) == {"u", "never began"}


async def test_utterances_may_be_interleaved(stub: TtsServiceStub) -> None:
    heard = await say(
        stub,
        configure(),
        text("a", "First of a. Sec"),
        text("b", "First of b. "),
        text("a", "ond of a. "),
        text("b", "Second of b."),
        flush("b"),
        flush("a"),
    )
    assert heard["a"].spoken == ["First", "of", "a", "Second", "of", "a"]
    assert heard["b"].spoken == ["First", "of", "b", "Second", "of", "b"]
    for utterance in heard.values():
        assert next(seconds(packet.offset) for packet in utterance.packets) == 0


async def test_cancel_drops_what_was_not_sent(stub: TtsServiceStub) -> None:
    # 20 minutes of speech: far more than any window between the two holds.
    call = stub.StreamingSynthesize()
    listener = Listener(call, 96_000)
    await call.write(configure(rate_hz=48_000))
    for _ in range(4):
        await call.write(text("long", "This sentence is said again and again. " * 120))
    await call.write(text("other", "This one is heard. "))
    await listener.until(lambda r: r.HasField("audio"))
    await call.write(cancel("long"))
    heard = await listener.until_done("long")
    assert heard.done is not None
    assert heard.done.cancelled
    assert seconds(heard.done.duration) == pytest.approx(len(heard.audio) / 96_000, abs=1e-3)
    assert len(heard.audio) / 96_000 < 600
    await call.write(end())
    everything = await listener.to_the_end()
    assert everything["other"].spoken == ["This", "one", "is", "heard"]
    assert everything["other"].done is not None
    assert not everything["other"].done.cancelled


async def test_cancel_without_an_id_cancels_all_and_what_comes_late_is_dropped(stub: TtsServiceStub) -> None:
    call = stub.StreamingSynthesize()
    listener = Listener(call)
    for request in (configure(), text("a", "no end of"), text("b", "this either"), cancel(), cancel("c")):
        await call.write(request)
    await listener.until(lambda r: set(listener.heard) == {"a", "b"})
    assert all(heard.done is not None and heard.done.cancelled for heard in listener.heard.values())
    assert all(heard.audio == b"" for heard in listener.heard.values())
    for request in (text("a", "Too late."), flush("a"), text("c", "But this one."), end()):
        await call.write(request)
    heard = await listener.to_the_end()
    assert heard["a"].audio == b""
    assert heard["c"].spoken == ["But", "this", "one"]


async def test_an_id_may_be_used_again_when_it_is_done(stub: TtsServiceStub) -> None:
    call = stub.StreamingSynthesize()
    listener = Listener(call)
    for _ in range(2):
        listener = Listener(call, first_sequence=listener.sequence)
        for request in (configure(), text("a", "Again."), flush("a")):
            await call.write(request)
        heard = await listener.until_done("a")
        assert heard.spoken == ["Again"]
        assert seconds(heard.packets[0].offset) == 0
    await call.write(cancel("a"))
    await call.write(end())
    assert list(await listener.to_the_end()) == ["a"]


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "channels"),
    [
        (AudioEncoding.AUDIO_ENCODING_MULAW, 8_000, 1),
        (AudioEncoding.AUDIO_ENCODING_ALAW, 8_000, 1),
        (AudioEncoding.AUDIO_ENCODING_PCM16, 22_050, 1),
        (AudioEncoding.AUDIO_ENCODING_PCM16, 48_000, 1),
        (AudioEncoding.AUDIO_ENCODING_PCM16, 44_100, 2),
    ],
)
async def test_formats(stub: TtsServiceStub, encoding: int, rate_hz: int, channels: int) -> None:
    request = configure(encoding=encoding, rate_hz=rate_hz)
    request.config.audio_format.channels = channels
    heard = (await say(stub, request, text("u", "Good morning. How are you?")))["u"]
    audio = decode(heard.audio, AudioFormat(encoding=encoding, sample_rate_hz=rate_hz, channels=channels))
    assert heard.done is not None
    assert seconds(heard.done.duration) == pytest.approx(audio.size / rate_hz, abs=1e-3)
    assert 1 < audio.size / rate_hz < 4
    last = heard.words[-1]
    span = audio[int(seconds(last.start) * rate_hz) : int(seconds(last.end) * rate_hz)]
    assert np.sqrt(np.mean(span**2)) > 0.02
    for packet in heard.packets:
        decode(packet.data, AudioFormat(encoding=encoding, sample_rate_hz=rate_hz, channels=channels))


async def test_a_new_configuration_holds_from_the_next_utterance_on(stub: TtsServiceStub) -> None:
    heard = await say(
        stub,
        configure(),
        text("a", "The same words are"),
        configure(speaking_rate=2.0),
        text("a", " spoken here. "),
        text("b", "The same words are spoken here."),
    )
    lengths = {key: seconds(value.words[-1].end) for key, value in heard.items()}
    assert lengths["b"] < 0.65 * lengths["a"]


async def test_rate_pitch_and_voice_change_the_speech(stub: TtsServiceStub) -> None:
    said = text("u", "Seven waves are rolling.")
    usual = samples((await say(stub, configure(), said))["u"])
    slow = samples((await say(stub, configure(speaking_rate=0.7), said))["u"])
    high = samples((await say(stub, configure(pitch_semitones=7.0), said))["u"])
    german = samples((await say(stub, configure(language="de-DE"), said))["u"])
    assert slow.size > 1.25 * usual.size
    assert fundamental(high) == pytest.approx(1.5 * fundamental(usual), rel=0.1)
    assert german.size != usual.size


def fundamental(audio: np.ndarray) -> float:
    """Return the median pitch in hertz, by autocorrelation of 40 ms frames."""
    found = []
    for start in range(0, audio.size - 640, 320):
        frame = audio[start : start + 640]
        if np.sqrt(np.mean(frame**2)) < 0.05:
            continue
        frame = frame - frame.mean()
        correlation = np.correlate(frame, frame, "full")[639:]
        lag = 32 + int(np.argmax(correlation[32:400]))
        found.append(RATE / lag)
    return float(np.median(found))


async def test_words_are_the_agents(stub: TtsServiceStub) -> None:
    heard = (await say(stub, configure(), text("u", "Hello there.")))["u"]
    assert [(word.text, word.speaker) for word in heard.words] == [("Hello", "agent"), ("there", "agent")]
