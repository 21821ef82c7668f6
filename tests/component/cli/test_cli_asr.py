"""`voicemesh asr` with the real recogniser, whole and streamed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicemesh_cli import recogniser
from voicemesh_cli.main import build_app

RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"


@pytest.mark.parametrize("unary_bytes", [3_145_728, 0], ids=["whole", "streamed"])
def test_words_times_and_confidences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unary_bytes: int) -> None:
    monkeypatch.setattr(recogniser, "_UNARY_BYTES", unary_bytes)
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("VOICEMESH_ASR_TARGET", raising=False)
    result = CliRunner().invoke(build_app(["asr", "demo"]), ["asr", str(RECORDING), "--json"])
    assert result.exit_code == 0, result.stderr
    (file,) = json.loads(result.stdout)["files"]
    assert "a cleaning on Tuesday" in file["text"]
    words = [word for transcript in file["transcripts"] for word in transcript["words"]]
    starts = [word["start_s"] for word in words]
    assert starts == sorted(starts)
    assert all(word["start_s"] <= word["end_s"] <= file["duration_s"] for word in words)
    assert all(0 <= word["confidence"] <= 1 for word in words)
    assert len(file["transcripts"]) == 5
