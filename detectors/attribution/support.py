"""Probabilities, under the null and under rivals, of tokens that a truncated setting excludes.

Top-k, top-p and min-p give most tokens probability zero. Real pipelines round (bfloat16, another batch, another kernel), so
a token at the edge may be kept there and excluded here; a single one must not refute a model. The null is therefore widened:
at every step, with an unknown probability of at most `EPSILON`, the token came from the untruncated distribution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_audit.scoring.tokens import TokenScores

EPSILON = 0.01
"""Largest probability with which, under the null, a token escapes the truncation."""

Floats = NDArray[np.float64]


def inside(scores: TokenScores) -> NDArray[np.bool_]:
    """(n,) flags of the tokens that the setting does not exclude."""
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
    """The number for a report, where None stands for infinity."""
    return float(value) if np.isfinite(value) else None
