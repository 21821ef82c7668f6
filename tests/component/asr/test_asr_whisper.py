"""The Whisper engine on a real CTranslate2 model with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from component.asr import tiny_whisper

from mesh.config import ConfigError
from services.asr.config import AsrSettings
from services.asr.engines import whisper
from services.asr.model import Recognizer

if TYPE_CHECKING:
    from pathlib import Path


OWN_MANIFEST = """
[[model]]
id = "our/whisper"
title = "Ours"
licence = "ours"
source = "https://models.example/whisper/"
folder = "tiny.en"
[[model.file]]
name = "model.bin"
"""


def noise(seconds: float) -> np.ndarray:
    return (np.random.default_rng(1).standard_normal(int(16_000 * seconds)) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper")
    tiny_whisper.build(folder / "tiny.en", multilingual=False)
    tiny_whisper.build(folder / "tiny", multilingual=True)
    return folder


def engine(folder: Path) -> whisper.Whisper:
    return whisper.create(AsrSettings(asr_model_dir=folder, asr_whisper_compute_type="float32"))


@pytest.mark.parametrize(("size", "language"), [("tiny.en", "en-US"), ("tiny", "de-AT")])
def test_words_come_with_times_and_probabilities(models: Path, size: str, language: str) -> None:
    asked = engine(models / size)
    assert isinstance(asked, Recognizer)
    assert asked.model == size
    found = asked.transcribe(noise(1.5), phrases=("Sarah Miller",), language=language, want_words=True)
    assert found.text
    assert found.words
    assert found.confidence is not None
    assert 0 < found.confidence < 1
    assert all(0 <= word.start_s <= word.end_s <= 30 for word in found.words)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in found.words)


def test_without_words_there_is_only_the_text(models: Path) -> None:
    found = engine(models / "tiny.en").transcribe(noise(1.0), phrases=(), language="en", want_words=False)
    assert found.text
    assert found.words == ()
    assert found.confidence is None


def test_languages_are_the_model_s(models: Path) -> None:
    assert engine(models / "tiny.en").languages == ("en",)
    assert {"en", "de", "fr", "ja"} <= set(engine(models / "tiny").languages)


def test_a_pulled_model_is_found_by_its_id(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "models.toml"
    manifest.write_text(OWN_MANIFEST)
    monkeypatch.setenv("VOICEMESH_MODELS_MANIFEST", str(manifest))
    settings = AsrSettings(cache_dir=models, asr_model="our/whisper", asr_whisper_compute_type="float32")
    assert whisper.create(settings).model == "tiny.en"


@pytest.mark.parametrize("asked", ["", "whisper/small"])
def test_a_model_that_was_not_pulled_is_named_with_the_command_that_pulls_it(tmp_path: Path, asked: str) -> None:
    with pytest.raises(ConfigError, match=f"voicemesh models pull {asked or 'whisper/base.en'}"):
        whisper.create(AsrSettings(cache_dir=tmp_path, asr_model=asked))


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_a_missing_file_of_a_folder_is_named(models: Path, tmp_path: Path, missing: str) -> None:
    for file in (models / "tiny.en").iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigError, match=missing):
        engine(tmp_path)
