"""A lean forward pass for the Llama family: token ids in, hidden states out.

Exists because `import transformers` costs seconds and padding costs more: here several sequences lie end to end in one
(n_tokens, hidden) matrix, the linear layers see them all at once, and attention runs per sequence. The arithmetic follows
`transformers.models.llama.modeling_llama` operation by operation; the tests hold its distance from a float64 pass to a small
multiple of the distance of transformers' own float32 pass.
Knows nothing about tokenizers, logits or statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

Tensor = torch.Tensor


class LlamaBody:
    """The decoder stack without its head.

    Args:
        config: the parsed `config.json`.
        weights: tensors by their Hugging Face names; only the ones of the body are read.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        self.n_heads: int = config["num_attention_heads"]
        self.n_kv_heads: int = config.get("num_key_value_heads") or self.n_heads
        self.head_dim: int = config.get("head_dim") or config["hidden_size"] // self.n_heads
        self.eps: float = config.get("rms_norm_eps", 1e-6)
        self.n_layers: int = config["num_hidden_layers"]
        self.hidden_size: int = config["hidden_size"]
        rope = config.get("rope_parameters") or {}
        theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
        self.embedding = weights["model.embed_tokens.weight"]
        self.final_norm = weights["model.norm.weight"]
        self.layers = [self._layer(weights, f"model.layers.{i}.") for i in range(self.n_layers)]
        steps = torch.arange(0, self.head_dim, 2, dtype=torch.int64).to(device=self.embedding.device, dtype=torch.float)
        self.inverse_frequency = 1.0 / (theta ** (steps / self.head_dim))

    @staticmethod
    def _layer(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
        # One matrix for q, k, v and one for gate, up: fewer, larger products.
        attention, mlp = prefix + "self_attn.", prefix + "mlp."
        return {
            "norm1": weights[prefix + "input_layernorm.weight"],
            "qkv": torch.cat([weights[f"{attention}{name}_proj.weight"] for name in "qkv"]),
            "out": weights[attention + "o_proj.weight"],
            "norm2": weights[prefix + "post_attention_layernorm.weight"],
            "gate_up": torch.cat([weights[mlp + "gate_proj.weight"], weights[mlp + "up_proj.weight"]]),
            "down": weights[mlp + "down_proj.weight"],
        }

    def __call__(self, token_ids: Tensor, lengths: Sequence[int], layers: Sequence[int] = ()) -> tuple[Tensor, list[Tensor]]:
        """Run packed sequences.

        Args:
            token_ids: (n_tokens,) int64, the sequences end to end.
            lengths: their lengths, summing to n_tokens. No sequence sees another.
            layers: indices of residual streams to return as well: 0 is the embedding, i the output of layer i.

        Returns:
            The normalised last hidden states (n_tokens, hidden) and, in the order of `layers`, the residual streams.
        """
        cos, sin = self._rotary(lengths)
        x = F.embedding(token_ids, self.embedding)
        taps: dict[int, Tensor] = {0: x} if 0 in layers else {}
        for index, weights in enumerate(self.layers, start=1):
            x = x + self._attention(self._norm(x, weights["norm1"]), weights, lengths, cos, sin)
            gate, up = F.linear(self._norm(x, weights["norm2"]), weights["gate_up"]).chunk(2, dim=-1)
            x = x + F.linear(F.silu(gate) * up, weights["down"])
            if index in layers:
                taps[index] = x
        return self._norm(x, self.final_norm), [taps[layer] for layer in layers]

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        wide = x.to(torch.float32)
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return weight * (wide * scale).to(x.dtype)

    def _rotary(self, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Cos and sin, each (1, n_tokens, head_dim); positions restart with every sequence."""
        device = self.embedding.device
        positions = torch.cat([torch.arange(length, device=device) for length in lengths]).float()
        angles = positions[:, None] * self.inverse_frequency[None, :]
        angles = torch.cat((angles, angles), dim=-1)[None]
        return angles.cos().to(self.embedding.dtype), angles.sin().to(self.embedding.dtype)

    def _attention(self, x: Tensor, weights: dict[str, Tensor], lengths: Sequence[int], cos: Tensor, sin: Tensor) -> Tensor:
        n_tokens = x.shape[0]
        heads = F.linear(x, weights["qkv"]).view(n_tokens, -1, self.head_dim).transpose(0, 1)  # (heads, n_tokens, dim)
        n_rotated = self.n_heads + self.n_kv_heads
        rotated, value = heads[:n_rotated], heads[n_rotated:]
        rotated = rotated * cos + _rotate_half(rotated) * sin
        query, key = rotated[: self.n_heads], rotated[self.n_heads :]
        mixed = torch.empty(n_tokens, self.n_heads, self.head_dim, dtype=x.dtype, device=x.device)
        start = 0
        for length in lengths:
            rows = slice(start, start + length)
            part = F.scaled_dot_product_attention(
                query[None, :, rows], key[None, :, rows], value[None, :, rows], is_causal=True, enable_gqa=True
            )
            mixed[rows] = part[0].transpose(0, 1)
            start += length
        return F.linear(mixed.view(n_tokens, -1), weights["out"])


def _rotate_half(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)
