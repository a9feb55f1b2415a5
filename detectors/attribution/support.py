"""Tokens that a truncated setting excludes: what the null and a rival make of them.

Top-k, top-p and min-p give most tokens probability zero. Real pipelines round (bfloat16, another batch, another kernel), so
that a token at the edge is kept there and excluded here; one of them must not refute a model. The null is therefore widened:
at every step, with an unknown probability of at most `EPSILON`, the token came from the untruncated law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_audit.scoring.tokens import TokenScores

EPSILON = 0.01
"""Share of tokens, at most, that the null lets escape the truncation."""

Floats = NDArray[np.float64]


def inside(scores: TokenScores) -> NDArray[np.bool_]:
    """(n,) which tokens the setting does not exclude."""
    return np.isfinite(scores.logprob)


def null_logprob(scores: TokenScores) -> Floats:
    """(n,) the largest log p of the token under any member of the widened null.

    Inside the kept set that is the truncated law itself, outside EPSILON times the untruncated one.
    """
    if scores.free_logprob is None:
        return scores.logprob.astype(np.float64)
    widened: Floats = np.where(inside(scores), scores.logprob, np.log(EPSILON) + scores.free_logprob.astype(np.float64))
    return widened


def rival_logprob(scores: TokenScores) -> Floats:
    """(n,) log p of the token under the one law (1 - EPSILON) truncated + EPSILON untruncated, as an alternative."""
    if scores.free_logprob is None:
        return scores.logprob.astype(np.float64)
    escaped = np.log(EPSILON) + scores.free_logprob.astype(np.float64)
    kept = np.log1p(-EPSILON) + scores.logprob.astype(np.float64)
    softened: Floats = np.logaddexp(kept, escaped)  # kept is -inf outside, where only the escape is left
    return softened


def finite(value: float) -> float | None:
    """A number for a report, which holds no infinite ones: None instead."""
    return float(value) if np.isfinite(value) else None
