"""MiniLM from safetensors to CTranslate2, without torch.

The model is BERT: six post-norm layers over the sum of word, position and token type embeddings.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import (
    TransformerEncoderModelSpec,
    TransformerEncoderSpec,
    common_spec,
)
from safetensors.numpy import load_file

from services.nlu.encoder import source

Tensors = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def convert(folder: Path, target: Path, *, quantization: str | None = "int8") -> None:
    """Write the CTranslate2 model of the published files in `folder` into the empty folder `target`.

    Args:
        folder: holds `model.safetensors`, `config.json` and `vocab.txt` in the published form.
        target: receives `model.bin`, `config.json` and `vocabulary.json`.
        quantization: the type that weights are stored in; int8 is a quarter of float32 and three times
            as fast; None: float32, as published.
    """
    tensors: Tensors = load_file(folder / source.WEIGHTS)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    spec = TransformerEncoderModelSpec(_encoder(tensors, config["num_hidden_layers"], config["num_attention_heads"]))
    spec.register_vocabulary((folder / source.VOCABULARY).read_text("utf-8").split("\n")[: config["vocab_size"]])
    spec.config.unk_token = "[UNK]"  # noqa: S105 - a token of the vocabulary
    spec.config.layer_norm_epsilon = config["layer_norm_eps"]
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(target))


def _encoder(tensors: Tensors, layers: int, heads: int) -> Any:
    encoder = TransformerEncoderSpec(
        layers,
        heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        _layer(layer, tensors, f"encoder.layer.{index}")
    return encoder


def _layer(layer: Any, tensors: Tensors, prefix: str) -> None:
    query_key_value = [common_spec.LinearSpec() for _ in range(3)]
    for part, name in zip(query_key_value, ("query", "key", "value"), strict=True):
        _linear(part, tensors, f"{prefix}.attention.self.{name}")
    fuse_linear(layer.self_attention.linear[0], query_key_value)
    _linear(layer.self_attention.linear[1], tensors, f"{prefix}.attention.output.dense")
    _norm(layer.self_attention.layer_norm, tensors, f"{prefix}.attention.output.LayerNorm")
    _linear(layer.ffn.linear_0, tensors, f"{prefix}.intermediate.dense")
    _linear(layer.ffn.linear_1, tensors, f"{prefix}.output.dense")
    _norm(layer.ffn.layer_norm, tensors, f"{prefix}.output.LayerNorm")


def _linear(spec: Any, tensors: Tensors, name: str) -> None:
    spec.weight = tensors[f"{name}.weight"]
    spec.bias = tensors[f"{name}.bias"]


def _norm(spec: Any, tensors: Tensors, name: str) -> None:
    spec.gamma = tensors[f"{name}.weight"]
    spec.beta = tensors[f"{name}.bias"]
