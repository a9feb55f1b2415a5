"""Turn a pinned GGUF file into safetensors + tokenizer.json + config.json, once.

Knows nothing about downloading, caching or locking: bytes in, a folder out. Only the files whose SHA-256 is pinned in
`store.py` may reach this module, because GGUF parsers have a history of memory errors on hostile files.

Not done by transformers, whose GGUF support needs another dependency (accelerate) and changes with each release; these
conversions were checked against it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_audit.common.files import create
from llm_audit.common.progress import Progress

if TYPE_CHECKING:
    from gguf import GGUFReader
    from tokenizers import Tokenizer

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
"""llama.cpp's codes for types of tokens."""


@dataclass(frozen=True)
class Family:
    """The conversion of one architecture from llama.cpp's format to Hugging Face's.

    Attributes:
        names: of a layer's tensors, GGUF to Hugging Face.
        weight: function (kind, values, config) to the values as Hugging Face stores them.
        config: the `config.json` that the file describes.
        tokenizer: the tokenizer that the file describes.
    """

    names: dict[str, str]
    weight: Callable[[str, np.ndarray, dict[str, Any]], np.ndarray]
    config: Callable[[GGUFReader], dict[str, Any]]
    tokenizer: Callable[[GGUFReader], Tokenizer]


def convert(source: Path, target: Path, progress: Progress) -> None:
    """Write `model.safetensors`, `tokenizer.json` and `config.json` into the existing folder `target`.

    Quantised tensors are de-quantised to float32, so that the converted file is the model: nothing downstream knows of
    the 4-bit origin. `progress` gets the share of the tensors that are done.
    """
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from safetensors.numpy import save_file

    reader = GGUFReader(source)
    family = FAMILIES[_field(reader, "general.architecture")]
    config = family.config(reader)
    tensors: dict[str, np.ndarray] = {}
    for done, tensor in enumerate(reader.tensors):
        progress(done / len(reader.tensors))
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        kind = tensor.name.removesuffix(".weight").split(".")[-1]
        name = huggingface_name(tensor.name, family.names)
        tensors[name] = np.ascontiguousarray(family.weight(kind, values, config))
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    family.tokenizer(reader).save(str(target / "tokenizer.json"))
    create(target / "config.json", (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())
    progress(1.0)


def huggingface_name(name: str, names: dict[str, str]) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, tensor, suffix = name.split(".")
    return f"model.layers.{layer}.{names[tensor]}.{suffix}"


def _field(reader: GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()


def _common_config(reader: GGUFReader) -> dict[str, Any]:
    """Settings of `config.json` that the file names in the same way for every architecture."""

    def field(key: str) -> Any:
        return _field(reader, f"{_field(reader, 'general.architecture')}.{key}")

    return {
        "vocab_size": len(reader.fields["tokenizer.ggml.tokens"].data),
        "hidden_size": field("embedding_length"),
        "intermediate_size": field("feed_forward_length"),
        "num_hidden_layers": field("block_count"),
        "num_attention_heads": field("attention.head_count"),
        "num_key_value_heads": field("attention.head_count_kv"),
        "max_position_embeddings": field("context_length"),
        "rms_norm_eps": float(np.float32(field("attention.layer_norm_rms_epsilon")).astype(str)),
        "attention_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": _field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _field(reader, "tokenizer.ggml.eos_token_id"),
    }


def _tokens_of(reader: GGUFReader, kind: int) -> list[str]:
    tokens, kinds = _field(reader, "tokenizer.ggml.tokens"), _field(reader, "tokenizer.ggml.token_type")
    return [token for token, its_kind in zip(tokens, kinds, strict=True) if its_kind == kind]


# Llama

LLAMA_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def unpermute_rotary(kind: str, weight: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Undo llama.cpp's interleaving of rotary pairs: (heads, head_dim/2, 2, D) -> (heads, 2, head_dim/2, D)."""
    n_heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}.get(kind)
    if n_heads is None:
        return weight
    rows, columns = weight.shape
    return weight.reshape(n_heads, rows // n_heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def llama_config(reader: GGUFReader) -> dict[str, Any]:
    """`config.json` of a Llama."""
    return _common_config(reader) | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "rope_theta": float(_field(reader, "llama.rope.freq_base")),
        "hidden_act": "silu",
        "mlp_bias": False,
        "torch_dtype": "float32",
    }


def smollm_tokenizer(reader: GGUFReader) -> Tokenizer:
    """Byte-level BPE with single digits, as the SmolLM2 model card's tokenizer.json declares it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(_field(reader, "tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ", 1)) for merge in _field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _tokens_of(reader, CONTROL)])
    return tokenizer


# Gemma 3, text only

GEMMA3_NAMES = LLAMA_NAMES | {
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


def unshift_norm(kind: str, weight: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Gemma multiplies by 1 + w after normalising: llama.cpp stores the factor, Hugging Face w."""
    return weight - np.float32(1) if kind.endswith("norm") else weight


def gemma3_config(reader: GGUFReader) -> dict[str, Any]:
    """`config.json` of a Gemma 3. Values without a GGUF field are those that all sizes below 27B share, as in llama.cpp."""
    common = _common_config(reader)
    head_dim = _field(reader, "gemma3.attention.key_length")
    rope = {"full_attention": float(_field(reader, "gemma3.rope.freq_base")), "sliding_attention": 10_000.0}
    return common | {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "head_dim": head_dim,
        "query_pre_attn_scalar": head_dim,
        "sliding_window": _field(reader, "gemma3.attention.sliding_window"),
        "layer_types": [
            "sliding_attention" if layer % 6 else "full_attention" for layer in range(1, common["num_hidden_layers"] + 1)
        ],
        "rope_parameters": {kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in rope.items()},
        "hidden_activation": "gelu_pytorch_tanh",
        "pad_token_id": _field(reader, "tokenizer.ggml.padding_token_id"),
    }


def gemma_tokenizer(reader: GGUFReader) -> Tokenizer:
    """SentencePiece's BPE: it joins the neighbours that make the best-scored piece of the vocabulary.

    The file lists no merges. The merges of a piece are all its splits into two pieces, ranked by the piece's score.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    tokens = _field(reader, "tokenizer.ggml.tokens")
    scores = dict(zip(tokens, _field(reader, "tokenizer.ggml.scores"), strict=True))
    pieces = dict.fromkeys(sorted(_tokens_of(reader, NORMAL), key=lambda piece: -scores[piece]))
    merges = [
        (piece[:cut], piece[cut:])
        for piece in pieces
        for cut in range(1, len(piece))
        if piece[:cut] in pieces and piece[cut:] in pieces
    ]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    unknown = tokens[_field(reader, "tokenizer.ggml.unknown_token_id")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _tokens_of(reader, CONTROL)])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in _tokens_of(reader, USER_DEFINED)])
    return tokenizer


FAMILIES = {
    "llama": Family(LLAMA_NAMES, unpermute_rotary, llama_config, smollm_tokenizer),
    "gemma3": Family(GEMMA3_NAMES, unshift_norm, gemma3_config, gemma_tokenizer),
}
"""Value of the field `general.architecture` -> how it is converted."""
