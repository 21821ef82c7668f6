"""Packets of an utterance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

from services.tts.model import SpeechChunk, WordTime
from services.tts.packets import FIRST_PACKET_S, PACKET_S, Packet, SpeechTrack

PCM = AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=8_000)


def chunk(count: int, *words: WordTime) -> SpeechChunk:
    return SpeechChunk(np.linspace(-0.5, 0.5, count, dtype=np.float32), words)


def speak(track: SpeechTrack, chunks: list[SpeechChunk], pause_s: float = 0.0) -> list[Packet]:
    packets = track.begin_sentence(pause_s)
    for one in chunks:
        packets += track.feed(one)
    return packets + track.end_sentence()


@given(st.lists(st.integers(0, 4_000), max_size=12), st.lists(st.integers(0, 4_000), max_size=4))
def test_packets_join_to_the_audio_in_order(first: list[int], second: list[int]) -> None:
    track = SpeechTrack(8_000, PCM)
    packets = speak(track, [chunk(n) for n in first]) + speak(track, [chunk(n) for n in second], 0.1)
    assert sum(len(packet.data) for packet in packets) == 2 * (sum(first) + sum(second) + 800)
    at_s = 0.0
    for packet in packets:
        assert packet.offset_s == pytest.approx(at_s)
        assert packet.duration_s == len(packet.data) / 16_000
        assert 0 < packet.duration_s <= PACKET_S
        at_s += packet.duration_s
    assert packets[0].duration_s <= FIRST_PACKET_S


def test_words_come_with_the_packet_they_begin_in_or_before() -> None:
    track = SpeechTrack(8_000, PCM)
    one = chunk(8_000, WordTime("a", 0.0, 0.1), WordTime("b", 0.1, 0.5), WordTime("c", 0.5, 0.9))
    packets = speak(track, [one])
    assert [(p.offset_s, [w.text for w in p.words]) for p in packets if p.words] == [
        (0.0, ["a"]),
        (pytest.approx(0.04), ["b"]),
        (pytest.approx(0.44), ["c"]),
    ]


def test_the_words_of_the_next_sentence_count_from_the_utterance_on() -> None:
    track = SpeechTrack(8_000, PCM)
    speak(track, [chunk(4_000)])
    packets = speak(track, [chunk(4_000, WordTime("next", 0.1, 0.2))], 0.25)
    words = [word for packet in packets for word in packet.words]
    assert [(w.text, w.start_s, w.end_s) for w in words] == [("next", pytest.approx(0.85), pytest.approx(0.95))]


def test_a_word_behind_the_audio_is_not_lost() -> None:
    track = SpeechTrack(8_000, PCM)
    packets = speak(track, [chunk(320, WordTime("late", 0.2, 0.3))])
    assert [word.text for packet in packets for word in packet.words] == ["late"]


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 22_050, 44_100])
def test_packets_hold_whole_frames_at_every_rate(rate_hz: int) -> None:
    stereo = AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=rate_hz, channels=2)
    packets = speak(SpeechTrack(22_050, stereo), [chunk(22_050)])
    assert all(len(packet.data) % 4 == 0 for packet in packets)
    assert sum(packet.duration_s for packet in packets) == pytest.approx(1.0, abs=1e-3)
