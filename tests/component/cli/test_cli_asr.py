"""`voicemesh asr` with the real recogniser, whole and streamed; and the reading of recordings."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from voicemesh_cli import recording
from voicemesh_cli.commands import asr
from voicemesh_cli.main import build_app

RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"


@pytest.mark.parametrize("unary_bytes", [3_145_728, 0], ids=["whole", "streamed"])
def test_words_times_and_confidences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unary_bytes: int) -> None:
    monkeypatch.setattr(asr, "_UNARY_BYTES", unary_bytes)
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("VOICEMESH_ASR_TARGET", raising=False)
    result = CliRunner().invoke(build_app(["asr", "demo"]), ["asr", str(RECORDING), "--json"])
    assert result.exit_code == 0, result.stderr
    (file,) = json.loads(result.stdout)["files"]
    assert "book a cleaning for Tuesday" in file["text"]
    words = [word for transcript in file["transcripts"] for word in transcript["words"]]
    starts = [word["start_s"] for word in words]
    assert starts == sorted(starts)
    assert all(word["start_s"] <= word["end_s"] <= file["duration_s"] for word in words)
    assert all(0 <= word["confidence"] <= 1 for word in words)
    assert len(file["transcripts"]) == 5


@pytest.mark.parametrize(
    ("rate", "channels", "suffix"), [(8_000, 1, ".wav"), (44_100, 2, ".flac"), (48_000, 1, ".wav")]
)
def test_any_rate_and_channels_become_16_khz_mono(tmp_path: Path, rate: int, channels: int, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(path, np.column_stack([tone] * channels), rate)
    read = recording.read(path)
    samples = np.frombuffer(read.samples, dtype="<i2") / 32767
    assert read.duration_s == 1.0
    assert len(samples) == pytest.approx(recording.RATE_HZ, abs=2)
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert int(np.argmax(spectrum)) == pytest.approx(440, abs=1)
    assert np.max(np.abs(samples[1_000:-1_000])) == pytest.approx(0.5, abs=0.01)
