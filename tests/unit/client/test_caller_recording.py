"""Recordings of callers: any form, and where the caller speaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from voicemesh_cli.caller.recording import SpokenTurn, find_turns, load_recording
from voicemesh_cli.failures import InputError

EXAMPLES = Path(__file__).parents[3] / "examples" / "recordings"


def tone(seconds: float, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
    return level * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 300 / rate)


def hush(seconds: float, rate: int = 16_000) -> np.ndarray:
    return np.zeros(round(seconds * rate))


@pytest.mark.parametrize("name", ["clinic-booking", "shop-complaint"])
def test_the_examples_are_as_their_truth_says(name: str) -> None:
    recording = load_recording(EXAMPLES / f"{name}.wav")
    assert (recording.sample_rate_hz, recording.truth, len(recording.turns)) == (16_000, True, 5)
    assert (EXAMPLES / f"{name}.wav").stat().st_size < 600_000
    for turn, after in zip(recording.turns, recording.turns[1:], strict=False):
        behind = recording.cut(turn.end_s + 2 / 16_000, after.start_s - 1 / 16_000)
        assert np.abs(behind.astype(int)).max() <= 328, "nothing voiced between two turns"
        assert np.abs(recording.cut(turn.end_s - 0.05, turn.end_s + 2 / 16_000).astype(int)).max() > 328
    # The energy finds the same turns, without being told.
    found = find_turns(recording.samples / 32_768, 16_000)
    assert len(found) == 5
    for turn, truth in zip(found, recording.turns, strict=True):
        assert turn.start_s == pytest.approx(truth.start_s, abs=0.1)
        assert turn.end_s == pytest.approx(truth.end_s, abs=0.15)


@pytest.mark.parametrize(
    ("rate", "channels", "form", "wanted"),
    [
        (16_000, 1, "WAV", 16_000),
        (44_100, 2, "FLAC", 44_100),
        (8_000, 1, "WAV", 8_000),
        (96_000, 2, "WAV", 48_000),
        (4_000, 1, "WAV", 8_000),
    ],
)
def test_any_rate_and_form_is_read(tmp_path, rate: int, channels: int, form: str, wanted: int) -> None:
    mono = np.concatenate([hush(0.5, rate), tone(1.0, rate), hush(0.5, rate)])
    path = tmp_path / f"a.{form.lower()}"
    soundfile.write(path, np.stack([mono] * channels, axis=1), rate, format=form)
    recording = load_recording(path)
    assert recording.sample_rate_hz == wanted
    assert recording.samples.dtype == np.int16
    assert recording.duration_s == pytest.approx(2.0, abs=0.01)
    assert not recording.truth
    (turn,) = recording.turns
    assert (turn.start_s, turn.end_s) == (pytest.approx(0.5, abs=0.02), pytest.approx(1.5, abs=0.02))


def test_the_louder_side_of_two_channels_is_halved(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([tone(1.0), hush(1.0)], axis=1), 16_000)
    recording = load_recording(tmp_path / "a.wav")
    assert np.abs(recording.samples.astype(int)).max() == pytest.approx(0.15 * 32_767, rel=0.01)


def test_numbers_that_are_none_are_silence(tmp_path) -> None:
    samples = tone(1.0).astype(np.float32)
    samples[100:200] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    assert not load_recording(tmp_path / "a.wav").samples[100:200].any()


def test_pauses_divide_turns_and_clicks_are_none() -> None:
    parts = [hush(0.4), tone(0.5), hush(0.4), tone(0.5), hush(0.8), tone(0.02), hush(0.8), tone(1.0), hush(0.1)]
    turns = find_turns(np.concatenate(parts), 16_000)
    assert [(round(t.start_s, 1), round(t.end_s, 1)) for t in turns] == [(0.4, 1.8), (3.4, 4.4)]


@pytest.mark.parametrize("samples", [hush(1.0), hush(0.0), np.full(16_000, 0.0005)])
def test_nobody_speaks_in_silence(samples: np.ndarray) -> None:
    assert find_turns(samples, 16_000) == ()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 0.6), st.floats(0.75, 1.2)), min_size=1, max_size=4))
def test_every_turn_between_pauses_is_found(parts: list[tuple[float, float]]) -> None:
    samples = np.concatenate([part for speech, pause in parts for part in (hush(pause), tone(speech))])
    turns = find_turns(samples, 16_000)
    place = 0.0
    assert len(turns) == len(parts)
    for turn, (speech, pause) in zip(turns, parts, strict=True):
        place += pause
        assert turn.start_s == pytest.approx(place, abs=0.02)
        place += speech
        assert turn.end_s == pytest.approx(place, abs=0.02)


def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_recording(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match="give a WAV or FLAC"):
        load_recording(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(InputError, match="holds no audio"):
        load_recording(tmp_path / "empty.wav")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("no json", "does not say"),
        ("[]", "does not say"),
        ('{"turns": [{"text": "a"}]}', "does not say"),
        ('{"turns": [{"text": "a", "start_s": 0.5, "end_s": 3}]}', "outside the recording"),
        ('{"turns": [{"text": "a", "start_s": 0.5, "end_s": 0.4}]}', "out of order"),
    ],
)
def test_a_broken_truth_is_refused(tmp_path, document: str, says: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0), 16_000)
    (tmp_path / "a.turns.json").write_text(document, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_recording(tmp_path / "a.wav")


def test_a_truth_beside_the_file_counts(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0), 16_000)
    turns = [{"text": "hello", "start_s": 0.1, "end_s": 0.9}]
    (tmp_path / "a.turns.json").write_text(json.dumps({"turns": turns}), encoding="utf-8")
    recording = load_recording(tmp_path / "a.wav")
    assert recording.turns == (SpokenTurn("hello", 0.1, 0.9),)
    assert recording.truth
    assert len(recording.cut(-1, 0.1)) == 1_600
