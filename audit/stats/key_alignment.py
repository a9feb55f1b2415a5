"""Alignment of a text with a sequence of keys: its cost at every shift of the keys.

Statistic of Kuditipudi, Thickstun, Hashimoto & Liang, "Robust Distortion-free Watermarks for Language Models" (arXiv
2307.15593), of a whole text. Given costs C[t, j] of token t under key j (of n, taken cyclically), its cost at shift s is the
sum of C[l, s + l], or, with edits, the Levenshtein cost in which a skipped token or key costs `gap`. Low costs are evidence.
The reference evaluates each shift anew; here one pass serves all shifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def simple(costs: Floats) -> Floats:
    """(n,) alignment costs of the text at each shift, without edits; `costs` is (m, n)."""
    m, n = costs.shape
    tokens = np.arange(m)[:, None]
    totals: Floats = costs[tokens, (np.arange(n) + tokens) % n].sum(axis=0)
    return totals


def edit(costs: Floats, gap: float) -> Floats:
    """(n,) Levenshtein costs of the text against as many keys, at each shift.

    Args:
        costs: (m, n), of any floating type, in which the sums are made.
        gap: cost of a token without a key, or a key without a token; 0 for EXP and .4 for ITS in the paper.
    """
    from llm_audit.stats import key_alignment_kernel as kernel

    m, n = costs.shape
    out = np.empty(n, costs.dtype)
    kernel.edit(np.ascontiguousarray(costs[:, np.arange(n + m) % n]), costs.dtype.type(gap), out)
    return out
