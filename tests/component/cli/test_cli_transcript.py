"""`voicemesh transcript` with the real recogniser and with the documents of other commands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from voicemesh_cli.main import build_app

RECORDINGS = Path(__file__).parents[3] / "examples" / "recordings"
CALL = {
    "recording": "call.wav",
    "language": "en-US",
    "duration_s": 12.0,
    "turns": [
        {
            "text": "um I'd like a a cleaning",
            "start_s": 3.0,
            "end_s": 5.0,
            "words": [
                {"text": text, "start": 3.0 + 0.3 * index, "end": 3.25 + 0.3 * index}
                for index, text in enumerate(["um", "I'd", "like", "a", "a", "cleaning"])
            ],
            "agent_turns": [],
        }
    ],
}


@pytest.fixture
def call(tmp_path: Path) -> Path:
    path = tmp_path / "call.json"
    path.write_text(json.dumps(CALL))
    return path


def transcript(*arguments: object) -> Result:
    return CliRunner().invoke(build_app(["transcript", "demo"]), ["transcript", *map(str, arguments)])


def test_two_channels_are_two_speakers_and_real_speech_passes_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEMESH_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("VOICEMESH_ASR_TARGET", raising=False)
    caller, rate_hz = soundfile.read(RECORDINGS / "clinic-booking.wav")
    agent, _ = soundfile.read(RECORDINGS / "shop-complaint.wav")
    both = np.zeros((len(caller) + len(agent), 2))
    both[: len(caller), 0] = caller
    both[len(caller) :, 1] = agent
    soundfile.write(tmp_path / "both.wav", both, rate_hz)

    result = transcript(tmp_path / "both.wav", "--clean", "--segments", "subtitles", "--check", "--json")
    assert result.exit_code == 0, result.stdout[-2_000:] + result.stderr
    (file,) = json.loads(result.stdout)["files"]
    assert file["findings"] == []
    speakers = [segment["speaker"] for segment in file["segments"]]
    assert speakers == sorted(speakers, reverse=True)
    assert set(speakers) == {"caller", "agent"}
    assert all(max(map(len, segment["text"].split("\n"))) <= 42 for segment in file["segments"])
    assert any(segment["text"].startswith("I'd like a cleaning") for segment in file["segments"])
    turned = next(segment for segment in file["segments"] if segment["speaker"] == "agent")
    assert turned["start_s"] >= len(caller) / rate_hz


def test_cleaning_and_subtitles_of_a_call(call: Path) -> None:
    result = transcript(call, "--clean", "--format", "vtt")
    assert result.exit_code == 0, result.stderr
    assert re.fullmatch(
        r"WEBVTT\n\n00:00:03\.300 --> 00:00:0\d\.\d{3}\n<v caller>I'd like a cleaning\.\n", result.stdout
    )


def test_findings_make_the_exit_code(call: Path) -> None:
    result = transcript(call, "--check")
    assert result.exit_code == 1
    assert "3.00 s, segment 1, word 1: casing" in result.stdout
    assert "run with --clean" in result.stdout
    result = transcript(call, "--clean", "--check")
    assert (result.exit_code, result.stdout) == (0, "call.wav: nothing is wrong\n")


def test_files_are_written_and_read_back(call: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert transcript(call, "--clean", "--format", "json", "--out", out).exit_code == 0
    result = transcript(out, "--segments", "paragraphs")
    assert result.stdout == "caller: I'd like a cleaning.\n"
    heard = [word["text"] for word in json.loads(out.read_text())["segments"][0]["words"][0]["heard"]]
    assert heard == ["um", "I'd"]
    folder = tmp_path / "folder"
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**CALL, "recording": "other.wav"}))
    assert transcript(call, other, "--format", "srt", "--out", folder).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["call.srt", "other.srt"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1}', 'is no transcript: it has none of "files"'),
        ('{"segments":\n [}', "line 2: no JSON"),
        ("[", "line 1: no JSON"),
        ("[" * 200_000, "nested too deep"),
        ('{"segments": [{"text": "x", "start_s": 0, "end_s": 1e300}]}', "segments.0.end_s"),
        ("hello", "can not be read as audio"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(content)
    result = transcript(path)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


def test_several_transcripts_do_not_go_into_one_subtitle_file(call: Path) -> None:
    result = transcript(call, call, "--format", "srt")
    assert result.exit_code == 2
    assert "--out FOLDER" in result.stderr
    assert transcript(call, call, "--format", "srt", "--out", call.parent).exit_code == 2
