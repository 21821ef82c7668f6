"""A turn is cut out of the last of a caller's audio, whatever form that has."""

import io
import wave

import numpy as np
import pytest
from voicemesh.common.v1 import audio_pb2

from mesh import audio
from services.dialogue.intake import AudioIntake
from services.dialogue.model import AudioFormat, CallerAudio
from services.dialogue.tape import Tape, wav

PCM = AudioFormat("pcm16", 100)


def samples(clip: bytes) -> list[int]:
    with wave.open(io.BytesIO(clip)) as file:
        assert file.getsampwidth() == 2
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").tolist()


def seconds(first: int, last: int) -> bytes:
    """Samples that are numbered, a hundred a second."""
    return np.arange(first * 100, last * 100, dtype="<i2").tobytes()


def test_a_turn_is_cut_out_where_it_was():
    tape = Tape(PCM, begin=10.0)
    for second in range(5):
        tape.add(seconds(second, second + 1))
    assert samples(tape.clip(11.0, 11.05)) == [100, 101, 102, 103, 104]
    assert samples(tape.clip(9.0, 10.02)) == [0, 1], "nothing lies before the beginning"
    assert samples(tape.clip(14.98, 99.0)) == [498, 499]
    assert tape.clip(20.0, 21.0) == b""


def test_what_is_older_is_gone():
    tape = Tape(PCM, longest_s=2.0)
    for second in range(10):
        tape.add(seconds(second, second + 1))
    assert samples(tape.clip(0.0, 8.01)) == [800], "of a longer turn the end is kept"
    assert tape.clip(0.0, 7.0) == b""
    assert len(tape._pieces) == 2


async def test_what_the_recogniser_hears_goes_on_the_tape():
    """Silence while the caller is on hold, and in the place of what was lost."""
    tape = Tape(PCM)
    intake = AudioIntake(PCM, SilentRecognition(), lambda: 40, tape=tape)
    await intake.take(CallerAudio(seconds(1, 2), 0))
    intake.on_hold = True
    await intake.take(CallerAudio(seconds(2, 3), 1))
    intake.on_hold = False
    await intake.skip(3)
    await intake.take(CallerAudio(seconds(4, 5), 3))
    heard = samples(tape.clip(0.0, 4.0))
    assert heard == [*range(100, 200), *[0] * 200, *range(400, 500)]


class SilentRecognition:
    """Takes audio and says nothing."""

    async def send(self, data: bytes) -> None:
        assert data


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_the_telephone_s_audio_is_expanded_as_the_standard_says(encoding):
    form = audio_pb2.AudioFormat(
        encoding=audio_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding.upper()}"), sample_rate_hz=8000
    )
    data = bytes(range(256))
    ours = np.array(samples(wav(data, AudioFormat(encoding, 8000)))) / 32768
    np.testing.assert_allclose(ours, audio.decode(data, form), atol=1e-6)
