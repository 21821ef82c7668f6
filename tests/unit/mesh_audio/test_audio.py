"""Sample formats: the G.711 laws against known points, round trips, streaming equal to whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat
from voicemesh.common.v1.error_pb2 import ErrorReason

from mesh import audio
from mesh.errors import MeshError

PCM16 = AudioEncoding.AUDIO_ENCODING_PCM16
MULAW = AudioEncoding.AUDIO_ENCODING_MULAW
ALAW = AudioEncoding.AUDIO_ENCODING_ALAW


def fmt(encoding: AudioEncoding.ValueType = PCM16, rate: int = 16_000, channels: int = 0) -> AudioFormat:
    return AudioFormat(encoding=encoding, sample_rate_hz=rate, channels=channels)


def sine(rate: int, hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


# Points of G.711 on the 16-bit scale: silence, the smallest steps, and both ends.
@pytest.mark.parametrize(
    ("encoding", "code", "value"),
    [
        (MULAW, 0xFF, 0), (MULAW, 0x7F, 0), (MULAW, 0xFE, 8), (MULAW, 0x7E, -8), (MULAW, 0x80, 32_124),
        (MULAW, 0x00, -32_124), (MULAW, 0xEF, 132), (ALAW, 0xD5, 8), (ALAW, 0x55, -8), (ALAW, 0xD4, 24),
        (ALAW, 0xAA, 32_256), (ALAW, 0x2A, -32_256), (ALAW, 0x80, 5_504),
    ],
)  # fmt: skip
def test_g711_expands_to_the_recommended_values(encoding: AudioEncoding.ValueType, code: int, value: int) -> None:
    assert audio.decode(bytes([code]), fmt(encoding, 8_000))[0] * 32_768 == value


@pytest.mark.parametrize("encoding", [MULAW, ALAW])
def test_g711_codes_survive_a_round_trip(encoding: AudioEncoding.ValueType) -> None:
    codes = bytes(range(256))
    back = audio.encode(audio.decode(codes, fmt(encoding)), fmt(encoding))
    # mu-law has two zeros; the negative one comes back as the positive one.
    assert back == (codes.replace(b"\x7f", b"\xff") if encoding == MULAW else codes)


@pytest.mark.parametrize("encoding", [MULAW, ALAW])
def test_g711_compresses_every_sample_to_the_nearest_or_next_step(encoding: AudioEncoding.ValueType) -> None:
    every = np.arange(-32_768, 32_768).astype(np.float32) / 32_768
    back = audio.decode(audio.encode(every, fmt(encoding)), fmt(encoding))
    # A step is a sixteenth of its segment, so the error stays under 1/32 of the value; the laws begin their
    # first segment at 132 (mu-law) and 256 (A-law).
    allowed = (np.abs(every) + 256 / 32_768) / 31
    inside = np.abs(every) < 0.98
    assert np.all(np.abs(back - every)[inside] <= allowed[inside])


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_pcm16_is_exact(values: list[int]) -> None:
    data = np.array(values, dtype="<i2").tobytes()
    assert audio.encode(audio.decode(data, fmt()), fmt()) == data


def test_too_loud_is_clipped_not_wrapped() -> None:
    data = audio.encode(np.array([2.0, -2.0], np.float32), fmt())
    assert np.frombuffer(data, "<i2").tolist() == [32_767, -32_768]


def test_two_channels_become_their_mean_and_one_becomes_two() -> None:
    stereo = np.array([[16_384, 0], [-8_192, -8_192]], "<i2").tobytes()
    assert audio.decode(stereo, fmt(channels=2)).tolist() == [0.25, -0.25]
    assert audio.encode(np.array([0.5], np.float32), fmt(channels=2)) == np.array([16_384] * 2, "<i2").tobytes()


@pytest.mark.parametrize(
    ("form", "data", "advice"),
    [
        (fmt(), b"\0\0\0", "multiples of 2 bytes"),
        (fmt(channels=2), b"\0\0", "multiples of 4 bytes"),
        (fmt(MULAW, channels=2), b"\0", "multiples of 2 bytes"),
        (fmt(rate=7_999), b"", "8000 to 48000 Hz"),
        (fmt(rate=96_000), b"", "8000 to 48000 Hz"),
        (fmt(channels=3), b"", "one channel or two"),
        (fmt(AudioEncoding.AUDIO_ENCODING_UNSPECIFIED), b"", "PCM16, MULAW or ALAW"),
    ],
)
def test_bad_audio_is_refused_with_advice(form: AudioFormat, data: bytes, advice: str) -> None:
    with pytest.raises(MeshError, match=advice) as caught:
        audio.decode(data, form)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_AUDIO


def test_half_a_sample_is_not_carried_over() -> None:
    decoder = audio.StreamDecoder(fmt(), 16_000)
    with pytest.raises(MeshError):
        decoder.feed(b"\1\2\3")
    assert len(decoder.feed(b"\1\2")) == 1


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_stream_keeps_length_and_tone_at_every_rate(rate: int) -> None:
    decoder = audio.StreamDecoder(fmt(rate=rate), 16_000)
    data = audio.encode(sine(rate, 440), fmt(rate=rate))
    # Frames of 97 samples: no multiple of anything.
    out = [decoder.feed(data[at : at + 194]) for at in range(0, len(data), 194)]
    whole = np.concatenate([*out, decoder.flush()])
    assert abs(len(whole) - 16_000) <= 1
    spectrum = np.abs(np.fft.rfft(whole[2_000:14_000] * np.hanning(12_000)))
    assert abs(np.argmax(spectrum) * 16_000 / 12_000 - 440) < 2
    assert np.sqrt(np.mean(whole[2_000:14_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_what_the_target_rate_cannot_hold_is_filtered_out() -> None:
    decoder = audio.StreamDecoder(fmt(rate=48_000), 16_000)
    whole = decoder.feed(audio.encode(sine(48_000, 11_000), fmt(rate=48_000)))
    assert np.max(np.abs(whole[1_000:-1_000])) < 0.001


def test_the_resampler_holds_back_no_more_than_thirty_milliseconds() -> None:
    decoder = audio.StreamDecoder(fmt(rate=8_000), 16_000)
    ready = sum(len(decoder.feed(bytes(320))) for _ in range(50))
    assert 16_000 - ready <= 0.030 * 16_000


@pytest.mark.parametrize("encoding", [PCM16, MULAW, ALAW])
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_encoder_and_decoder_are_twins(encoding: AudioEncoding.ValueType, rate: int) -> None:
    form = fmt(encoding, rate)
    encoder, decoder = audio.StreamEncoder(22_050, form), audio.StreamDecoder(form, 22_050)
    tone = sine(22_050, 300)
    data = encoder.feed(tone[:10_000]) + encoder.feed(tone[10_000:]) + encoder.flush()
    back = np.concatenate([decoder.feed(data), decoder.flush()])
    assert len(data) / audio.bytes_per_second(form) == pytest.approx(1.0, abs=0.001)
    # The resampler may move all by a sample or so of the slower rate, a quarter of a millisecond.
    shifted = [np.corrcoef(tone[3_000:19_000], back[3_000 + by : 19_000 + by])[0, 1] for by in range(-6, 7)]
    assert max(shifted) > 0.995


def test_a_decoder_starts_afresh_after_a_flush() -> None:
    decoder = audio.StreamDecoder(fmt(rate=8_000), 16_000)
    data = audio.encode(sine(8_000, 440, 0.2), fmt(rate=8_000))
    first = np.concatenate([decoder.feed(data), decoder.flush()])
    second = np.concatenate([decoder.feed(data), decoder.flush()])
    assert np.array_equal(first, second)
