"""Builds an OPUS-MT model's folder: SentencePiece models of the real form, and a translator that says one thing."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import numpy as np
from ctranslate2.specs.transformer_spec import TransformerSpec

from services.dialogue.translation.pieces import _model_class

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

END = "</s>"
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3


def spm(path: Path, pieces: dict[str, float], *, model_type: int = 1) -> Path:
    """Write a SentencePiece model of these pieces and their scores."""
    model = _model_class()()
    for piece, score, kind in [
        ("<unk>", 0.0, _UNKNOWN),
        (END, 0.0, _CONTROL),
        *((piece, score, _NORMAL) for piece, score in pieces.items()),
    ]:
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer.model_type = model_type
    path.write_bytes(model.SerializeToString())
    return path


def build(folder: Path, source: dict[str, float], says: Sequence[str]) -> Path:
    """Write a model that translates whatever it is given into these pieces."""
    folder.mkdir(parents=True)
    spm(folder / "source.spm", source)
    spm(folder / "target.spm", dict.fromkeys(says, -1.0))
    known = list(dict.fromkeys(["<unk>", END, "<pad>", *source, *says]))
    width = -(-len(known) // 32) * 32
    vocabulary = [*known, *(f"<{n}>" for n in range(width - len(known)))]
    spec = _spec(vocabulary, ["<pad>", *says, END], width)
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.config.decoder_start_token, spec.config.add_source_eos = "<pad>", False
    spec.validate()
    spec.save(str(folder))
    assert json.loads((folder / "config.json").read_text())["decoder_start_token"] == "<pad>"
    return folder


def _spec(vocabulary: list[str], chain: Sequence[str], width: int) -> TransformerSpec:
    spec = TransformerSpec.from_config(1, 2)

    def nothing(linear: object, rows: int) -> None:
        linear.weight, linear.bias = np.zeros((rows, width), np.float32), np.zeros(rows, np.float32)

    def norm(layer: object) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def block(layer: object) -> None:
        nothing(layer.self_attention.linear[0], 3 * width)
        nothing(layer.self_attention.linear[1], width)
        nothing(layer.ffn.linear_0, width)
        nothing(layer.ffn.linear_1, width)
        norm(layer.self_attention.layer_norm)
        norm(layer.ffn.layer_norm)

    for side in (spec.encoder, spec.decoder):
        norm(side.layer_norm)
        block(side.layer[0])
    crossed = spec.decoder.layer[0].attention
    norm(crossed.layer_norm)
    for linear, rows in zip(crossed.linear, (width, 2 * width, width), strict=True):
        nothing(linear, rows)
    spec.encoder.embeddings[0].weight = spec.decoder.embeddings.weight = np.eye(width, dtype=np.float32)
    leads = np.zeros((width, width), np.float32)
    for token, after in itertools.pairwise(chain):
        leads[vocabulary.index(after), vocabulary.index(token)] = 10.0
    spec.decoder.projection.weight, spec.decoder.projection.bias = leads, np.zeros(width, np.float32)
    return spec
