"""Weights rounded as servers store them: to a half-precision type, or to the blocks of a GGUF file.

The quantisers are those of ggml's reference code for Q8_0, Q5_0 and Q4_0 (blocks of 32 weights with one float16 scale), and
int8 with one scale a row (LLM.int8 without its outliers, arXiv 2208.07339). Only weights are rounded: a server's kernels also
round activations, which is a smaller error.
"""

from __future__ import annotations

import torch

from llm_audit.common.errors import InvalidConfiguration

BLOCK = 32
"""Number of weights that share a scale; rows whose length is no multiple of it stay float16, as in llama.cpp."""

TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}
BLOCKS = ("q8_0", "q5_0", "q4_0")
WEIGHTS = ("f32", *TYPES, *BLOCKS, "int8")
"""Names of weight precisions, finest first."""


def rounded(values: torch.Tensor, precision: str) -> torch.Tensor:
    """The float32 values of a tensor after storage in a precision of `WEIGHTS`. Vectors, such as norms, stay unchanged."""
    if precision not in WEIGHTS:
        raise InvalidConfiguration(f"There is no weight precision {precision!r}; choose from {', '.join(WEIGHTS)}.")
    full = values.float()
    if precision == "f32" or (values.ndim < 2 and precision not in TYPES):
        return full
    if precision in TYPES:
        return full.to(TYPES[precision]).float()
    if precision == "int8":
        scale = full.abs().amax(-1, keepdim=True) / 127
        return (full / torch.where(scale == 0, 1.0, scale)).round() * scale
    if values.shape[-1] % BLOCK:
        return full.half().float()
    return _blocks(full.reshape(-1, BLOCK), precision).reshape(values.shape)


def _blocks(blocks: torch.Tensor, precision: str) -> torch.Tensor:
    """(n, 32) blocks quantised and dequantised."""
    if precision == "q8_0":
        scale = blocks.abs().amax(1, keepdim=True) / 127
        steps = torch.where(scale == 0, 0.0, blocks / scale)
        return scale.half().float() * (steps.sign() * (steps.abs() + 0.5).floor())  # halves away from zero, as roundf
    half = {"q4_0": 8, "q5_0": 16}[precision]
    extreme = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))  # with its sign: it becomes the lowest step exactly
    scale = extreme / -half
    steps = torch.where(scale == 0, 0.0, blocks / scale)
    return scale.half().float() * ((steps + half + 0.5).trunc().clamp(max=2 * half - 1) - half)
