"""WAV files by the standard library."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import voicemesh_client as sdk


def test_what_was_written_is_read(tmp_path) -> None:
    form = sdk.AudioFormat.pcm16(22_050, channels=2)
    sdk.write_wav(tmp_path / "a.wav", b"\1\2\3\4" * 100, form)
    audio = sdk.read_wav(tmp_path / "a.wav")
    assert (audio.data, audio.format) == (b"\1\2\3\4" * 100, form)
    assert audio.duration == pytest.approx(100 / 22_050)


@pytest.mark.parametrize(("subtype", "says"), [("PCM_24", "24-bit"), ("FLOAT", "no WAV file of 16-bit PCM")])
def test_other_samples_are_refused(tmp_path, subtype: str, says: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 16_000, subtype=subtype)
    with pytest.raises(ValueError, match=says):
        sdk.read_wav(tmp_path / "a.wav")


def test_what_is_no_wav_is_refused(tmp_path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="no WAV file"):
        sdk.read_wav(tmp_path / "a.wav")
    with pytest.raises(FileNotFoundError):
        sdk.read_wav(tmp_path / "b.wav")
    with pytest.raises(ValueError, match="PCM samples only"):
        sdk.write_wav(tmp_path / "c.wav", b"", sdk.AudioFormat.mulaw())
