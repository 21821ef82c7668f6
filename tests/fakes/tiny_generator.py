"""Builds a decoder in CTranslate2's format that says what the test wants: each token is followed by a given one.

Its layers do nothing, its embeddings are one token a dimension, and its projection leads from a token to the next.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import numpy as np
from ctranslate2.specs.transformer_spec import TransformerDecoderModelSpec
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

END = "<|end|>"
BEGIN = "<|assistant|>"
"""Stands before an answer; `TOLD` before one to a tool's result."""
TOLD = "<|told|>"
_SPECIAL = ["<unk>", "<s>", END, BEGIN, TOLD, "<|system|>", "<|user|>", "<|tool|>"]
TEMPLATE = """\
{% for message in messages %}
{% if message.role not in ['system', 'user', 'assistant', 'tool'] %}{{ raise_exception('who is that?') }}{% endif %}
<|{{ message.role }}|> {{ message.content }} <|end|>
{% endfor %}
{% if messages[-1].role == 'tool' %}<|told|>{% else %}<|assistant|>{% endif %}
"""


def build(folder: Path, *chains: Sequence[str], template: str | None = TEMPLATE) -> Path:
    """Write a model whose answers are these chains, each from the token that it follows; no token is in two of them."""
    folder.mkdir(parents=True)
    words = list(dict.fromkeys(token for chain in chains for token in chain if token not in _SPECIAL))
    tokenizer = Tokenizer(models.WordLevel({token: n for n, token in enumerate([*_SPECIAL, *words])}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"eos_token": {"content": END}, "bos_token": "<s>"} | ({"chat_template": template} if template else {})
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    # Heads of a width that the native code's kernels take.
    width = -(-(len(_SPECIAL) + len(words)) // 32) * 32
    vocabulary = [*_SPECIAL, *words, *(f"<{n}>" for n in range(width - len(_SPECIAL) - len(words)))]
    following = {token: after for chain in chains for token, after in itertools.pairwise(chain)}
    spec = _spec(vocabulary, following, width)
    spec.register_vocabulary(vocabulary)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = "<unk>", "<s>", END
    spec.validate()
    spec.save(str(folder))
    return folder


def _spec(vocabulary: list[str], following: dict[str, str], width: int) -> TransformerDecoderModelSpec:
    spec = TransformerDecoderModelSpec.from_config(1, 2, rotary_dim=width // 2)
    decoder, layer = spec.decoder, spec.decoder.layer[0]
    for norm in (decoder.layer_norm, layer.self_attention.layer_norm, layer.ffn.layer_norm):
        norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)
    shapes = {
        layer.self_attention.linear[0]: (3 * width, width),
        layer.self_attention.linear[1]: (width, width),
        layer.ffn.linear_0: (width, width),
        layer.ffn.linear_1: (width, width),
    }
    for linear, shape in shapes.items():
        linear.weight, linear.bias = np.zeros(shape, np.float32), np.zeros(shape[0], np.float32)
    decoder.scale_embeddings = False
    decoder.embeddings.weight = np.eye(width, dtype=np.float32)
    leads = np.zeros((width, width), np.float32)
    for token, after in following.items():
        leads[vocabulary.index(after), vocabulary.index(token)] = 10.0
    decoder.projection.weight, decoder.projection.bias = leads, np.zeros(width, np.float32)
    return spec
