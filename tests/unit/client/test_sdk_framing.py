"""Whatever an application has of audio becomes frames of the wire format."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from voicemesh_client.audio import AudioFormat, Encoding, decode, encode
from voicemesh_client.framing import Converter, FrameCutter

PCM = AudioFormat.pcm16(16_000)
STEREO = AudioFormat.pcm16(16_000, channels=2)
chunks = st.lists(st.binary(max_size=300), max_size=20)


@settings(deadline=None)
@given(chunks, st.integers(1, 100))
def test_recutting_keeps_every_byte_in_frames_of_one_size(pieces: list[bytes], size: int) -> None:
    cutter = FrameCutter(size)
    frames = [frame for piece in pieces for frame in cutter.feed(piece)]
    rest = cutter.flush()
    assert {len(frame) for frame in frames} <= {size}
    assert len(rest) < size
    assert b"".join(frames) + rest == b"".join(pieces)
    assert cutter.flush() == b""


@settings(deadline=None)
@given(chunks, st.sampled_from([PCM, STEREO]), st.integers(1, 2))
def test_chunks_may_end_anywhere_in_a_sample(pieces: list[bytes], wire: AudioFormat, channels: int) -> None:
    whole = b"".join(pieces)
    whole = whole[: len(whole) // (2 * channels) * (2 * channels)]
    converter = Converter(wire)
    in_pieces = b"".join(converter.convert(piece, channels=channels) for piece in pieces)
    assert in_pieces == Converter(wire).convert(whole, channels=channels)


@settings(deadline=None)
@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_forms_of_the_same_samples_are_the_same_bytes(numbers: list[int]) -> None:
    samples = array("h", numbers)
    expected = samples.tobytes()
    forms = [expected, bytearray(expected), memoryview(expected), samples, memoryview(samples)]
    forms += [np.array(numbers, np.int16), np.array(numbers, np.int16).reshape(-1, 1)]
    assert [Converter(PCM).convert(form) for form in forms] == [expected] * len(forms)


@pytest.mark.parametrize("make", [list, tuple, lambda n: array("f", n), lambda n: array("d", n), np.float32])
def test_floats_are_scaled_and_clipped(make) -> None:
    sent = Converter(PCM).convert(make([0.0, 0.5, -1.0, 1.0, 7.5]))
    assert array("h", sent).tolist() == [0, 16_384, -32_767, 32_767, 32_767]


def test_channels_are_mixed_and_doubled() -> None:
    both = array("h", [100, 300, -4, -8])
    assert array("h", Converter(PCM).convert(both, channels=2)).tolist() == [200, -6]
    assert array("h", Converter(STEREO).convert(array("h", [7, -9]))).tolist() == [7, 7, -9, -9]
    two_columns = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    assert array("h", Converter(PCM).convert(two_columns, channels=2)).tolist() == [16_384, 16_383]


@pytest.mark.parametrize(
    ("data", "channels", "error", "says"),
    [
        ("text", 1, TypeError, "str is no audio"),
        (3.0, 1, TypeError, "float is no audio"),
        ([1, 2, 3], 1, TypeError, "array('h'"),
        (array("i", [1]), 1, TypeError, "type 'i'"),
        (np.zeros((4, 2), np.int16), 1, ValueError, "channels in its last axis"),
        (array("h", [1, 2, 3]), 2, ValueError, "do not fill 2"),
        (b"", 3, ValueError, "use 1 or 2"),
    ],
)
def test_what_is_no_such_audio_is_refused(data, channels: int, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says.replace("(", r"\(")):
        Converter(PCM).convert(data, channels=channels)


def test_half_a_sample_needs_its_other_half() -> None:
    converter = Converter(PCM)
    assert converter.convert(b"\1") == b""
    with pytest.raises(ValueError, match="other half"):
        converter.convert(array("h", [1]))
    with pytest.raises(ValueError, match="middle of a sample"):
        converter.flush()
    assert converter.convert(b"\1\2") == b"\1\2"


@pytest.mark.parametrize(("encoding", "subtype"), [(Encoding.MULAW, "ULAW"), (Encoding.ALAW, "ALAW")])
def test_g711_is_that_of_libsndfile(encoding: Encoding, subtype: str, tmp_path) -> None:
    everything = bytes(range(256))
    soundfile.write(tmp_path / "a.wav", np.zeros(256, np.int16), 8_000, subtype=subtype)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content.replace(content[-256:], everything))
    theirs, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    ours = decode(everything, encoding)
    assert ours.tolist() == theirs.tolist()
    assert decode(encode(ours, encoding), encoding) == ours


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.ALAW])
@settings(deadline=None)
@given(sample=st.integers(-32_768, 32_767))
def test_g711_loses_less_than_a_step(encoding: Encoding, sample: int) -> None:
    back = decode(encode(array("h", [sample]), encoding), encoding)[0]
    # Steps are a 16th of a segment, segments double: half a step is at most 1/32 of the value; clipping at 32,635.
    assert abs(back - sample) <= max(8, abs(sample) / 16 if abs(sample) > 32_000 else abs(sample) / 31 + 4)


def test_telephone_bytes_pass_through_or_are_converted() -> None:
    wire = AudioFormat.mulaw()
    assert Converter(wire).convert(b"\x10\x20", encoding=Encoding.MULAW) == b"\x10\x20"
    assert Converter(wire).convert(array("h", [0, 0])) == b"\xff\xff"
    assert wire.silence(0.001) == b"\xff" * 8


@pytest.mark.parametrize(("rate", "channels"), [(7_999, 1), (48_001, 1), (16_000, 0), (16_000, 3)])
def test_formats_that_no_mesh_takes_are_refused(rate: int, channels: int) -> None:
    with pytest.raises(ValueError, match=r"resample|use 1 or 2"):
        AudioFormat.pcm16(rate, channels)


def test_sizes_and_durations() -> None:
    assert STEREO.size(0.02) == 1_280
    assert STEREO.duration(64_000) == 1.0
    assert len(PCM.silence(0.5)) == 16_000
