"""The slow, obvious way to every column of TokenScores: one token at a time, in a precision of choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from llm_audit.scoring.tokens import RENYI_ORDERS, Decoding

NUMERIC = ("logprob", "entropy", "varentropy", "max_logprob", "mass_above", "tie_mass", "renyi")
CROSS = ("cross_entropy", "cross_varentropy")


def warp(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """The decoding transform as transformers applies it when it generates."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    row = logits[None]
    unused = torch.zeros(1, 1, dtype=torch.long)
    if decoding.temperature != 1:
        row = TemperatureLogitsWarper(decoding.temperature)(unused, row)
    if decoding.top_k:
        row = TopKLogitsWarper(decoding.top_k)(unused, row)
    if decoding.top_p < 1:
        row = TopPLogitsWarper(decoding.top_p)(unused, row)
    if decoding.min_p > 0:
        row = MinPLogitsWarper(decoding.min_p)(unused, row)
    return row[0]


def one_token(logits: torch.Tensor, token: int, decoding: Decoding, reference: torch.Tensor | None = None) -> dict[str, Any]:
    """The columns of one position; logits (vocabulary,) in the precision to compute in."""
    log_p = torch.log_softmax(warp(logits, decoding), dim=0)
    kept = log_p > -torch.inf
    p, finite = log_p[kept].exp(), log_p[kept]
    own = log_p[token]
    entropy = -(p * finite).sum()
    columns: dict[str, Any] = {
        "logprob": own.item(),
        "entropy": entropy.item(),
        # As published (Fast-DetectGPT): in float32 this cancels, which is part of the error that the tests allow.
        "varentropy": ((p * finite**2).sum() - entropy**2).item(),
        "max_logprob": finite.max().item(),
        "rank": 1 + int((log_p > own).sum()),
        "mass_above": log_p[log_p > own].exp().sum().item(),
        "tie_mass": log_p[log_p == own].exp().sum().item(),
        "renyi": [torch.logsumexp(a * finite, 0).item() for a in RENYI_ORDERS],
    }
    if reference is not None:
        r = torch.softmax(warp(reference, decoding), dim=0)
        mean = -(r * log_p).sum()
        columns |= {"cross_entropy": mean.item(), "cross_varentropy": (r * (-log_p - mean) ** 2).sum().item()}
    return columns


def columns(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    dtype: torch.dtype,
    decoding: Decoding | None = None,
    reference: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> dict[str, np.ndarray]:
    """All columns from hidden states (n, hidden), head weight (vocabulary, hidden) and observed tokens (n,)."""
    rows = []
    for i, token in enumerate(targets.tolist()):
        other = None if reference is None else reference[1].to(dtype) @ reference[0][i].to(dtype)
        rows.append(one_token(weight.to(dtype) @ hidden[i].to(dtype), token, decoding or Decoding(), other))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
