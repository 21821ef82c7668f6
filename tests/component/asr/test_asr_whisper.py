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


def noise(seconds: float) -> np.ndarray:
    return (np.random.default_rng(1).standard_normal(int(16_000 * seconds)) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "models"
    tiny_whisper.build(folder / "whisper-tiny.en", multilingual=False)
    tiny_whisper.build(folder / "whisper-tiny", multilingual=True)
    return folder


def settings(models: Path, size: str) -> AsrSettings:
    return AsrSettings(cache_dir=models.parent, asr_whisper_size=size, asr_whisper_compute_type="float32")


@pytest.mark.parametrize(("size", "language"), [("tiny.en", "en-US"), ("tiny", "de-AT")])
def test_a_pulled_model_gives_words_with_times_and_probabilities(models: Path, size: str, language: str) -> None:
    engine = whisper.create(settings(models, size))
    assert isinstance(engine, Recognizer)
    assert engine.model == f"whisper-{size}"
    found = engine.transcribe(noise(1.5), phrases=("Sarah Miller",), language=language, want_words=True)
    assert found.text
    assert found.words
    assert found.confidence is not None
    assert 0 < found.confidence < 1
    assert all(0 <= word.start_s <= word.end_s <= 30 for word in found.words)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in found.words)


def test_without_words_there_is_only_the_text(models: Path) -> None:
    found = whisper.create(settings(models, "tiny.en")).transcribe(
        noise(1.0), phrases=(), language="en", want_words=False
    )
    assert found.text
    assert found.words == ()
    assert found.confidence is None


def test_languages_are_the_model_s(models: Path) -> None:
    assert whisper.create(settings(models, "tiny.en")).languages == ("en",)
    assert {"en", "de", "fr", "ja"} <= set(whisper.create(settings(models, "tiny")).languages)


def test_a_named_folder_goes_before_the_pulled_ones(models: Path, tmp_path: Path) -> None:
    named = AsrSettings(
        cache_dir=tmp_path, asr_model_dir=models / "whisper-tiny.en", asr_whisper_compute_type="float32"
    )
    assert whisper.create(named).model == "whisper-tiny.en"


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_a_missing_file_is_named_with_what_to_do(models: Path, tmp_path: Path, missing: str) -> None:
    broken = tmp_path / "models" / "whisper-small"
    broken.mkdir(parents=True)
    for file in (models / "whisper-tiny.en").iterdir():
        if file.name != missing:
            (broken / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigError, match=missing) as caught:
        whisper.create(settings(tmp_path / "models", "small"))
    assert "voicemesh models pull whisper-small" in str(caught.value)
