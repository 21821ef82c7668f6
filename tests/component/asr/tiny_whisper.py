"""Builds a Whisper of the real shape with random weights: it says nonsense, but everything about it is real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

if TYPE_CHECKING:
    from pathlib import Path

    from ctranslate2.specs import common_spec

WIDTH, HEADS, LAYERS, MELS = 32, 2, 1, 80


def build(folder: Path, *, multilingual: bool) -> None:
    """Write model.bin, config.json, the vocabulary and tokenizer.json into ``folder``."""
    folder.mkdir(parents=True)
    tokenizer = _tokenizer(multilingual=multilingual)
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    spec = _spec(len(vocabulary))
    spec.register_vocabulary(vocabulary)
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{code}|>") for code in _LANGUAGE_CODES]
    spec.validate()
    spec.save(str(folder))


def _tokenizer(*, multilingual: bool) -> Tokenizer:
    # The multilingual vocabularies hold an empty piece; CTranslate2 tells them by it.
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet()) + [""] * multilingual
    tokenizer = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in _LANGUAGE_CODES)]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>", *(f"<|{n * 0.02:.2f}|>" for n in range(1_501))]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in special])
    return tokenizer


def _spec(vocabulary: int) -> WhisperSpec:
    random = np.random.default_rng(7)

    def fill(layer: common_spec.LinearSpec, *shape: int) -> None:
        layer.weight = (random.standard_normal(shape) * 0.3).astype(np.float32)
        layer.bias = np.zeros(shape[0], np.float32)

    def norm(layer: common_spec.LayerNormSpec) -> None:
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def block(layer: object, *, crossed: bool) -> None:
        fill(layer.self_attention.linear[0], 3 * WIDTH, WIDTH)
        fill(layer.self_attention.linear[1], WIDTH, WIDTH)
        norm(layer.self_attention.layer_norm)
        if crossed:
            for linear, rows in zip(layer.attention.linear, (WIDTH, 2 * WIDTH, WIDTH), strict=True):
                fill(linear, rows, WIDTH)
            norm(layer.attention.layer_norm)
        fill(layer.ffn.linear_0, 4 * WIDTH, WIDTH)
        fill(layer.ffn.linear_1, WIDTH, 4 * WIDTH)
        norm(layer.ffn.layer_norm)

    spec = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    fill(spec.encoder.conv1, WIDTH, MELS, 3)
    fill(spec.encoder.conv2, WIDTH, WIDTH, 3)
    spec.encoder.position_encodings.encodings = random.standard_normal((1_500, WIDTH)).astype(np.float32)
    spec.decoder.embeddings.weight = random.standard_normal((vocabulary, WIDTH)).astype(np.float32)
    spec.decoder.position_encodings.encodings = random.standard_normal((448, WIDTH)).astype(np.float32)
    fill(spec.decoder.projection, vocabulary, WIDTH)
    norm(spec.encoder.layer_norm)
    norm(spec.decoder.layer_norm)
    for layer in spec.encoder.layer:
        block(layer, crossed=False)
    for layer in spec.decoder.layer:
        block(layer, crossed=True)
    return spec
