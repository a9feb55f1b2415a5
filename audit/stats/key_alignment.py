"""Alignment of a text with a sequence of keys: the least cost over all blocks of the text and all shifts of the keys.

Statistic of Kuditipudi, Thickstun, Hashimoto & Liang, "Robust Distortion-free Watermarks for Language Models" (arXiv
2307.15593). Given costs C[t, j] of token t under key j (of n, taken cyclically), the cost of block i at shift s is the sum of
C[i + l, s + l], or, with edits, the Levenshtein cost in which a skipped token or key costs `gap`. Low costs are evidence.
The reference evaluates each block and shift anew; here the diagonals are summed once, and one pass serves all shifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def simple(costs: Floats, block: int) -> Floats:
    """Alignment costs of each block at each shift, without edits.

    Args:
        costs: (m, n).
        block: tokens of a block, 1 .. m.

    Returns:
        (m - block + 1, n), block i at shift s.
    """
    m, n = costs.shape
    places = np.arange(n)
    diagonals = costs[np.arange(m)[:, None], (places + np.arange(m)[:, None]) % n]
    if block == m:
        totals: Floats = diagonals.sum(axis=0)[None]
        return totals
    sums = np.concatenate([np.zeros((1, n)), diagonals.cumsum(axis=0)])
    along = sums[block:] - sums[:-block]
    aligned: Floats = along[np.arange(m - block + 1)[:, None], (places - np.arange(m - block + 1)[:, None]) % n]
    return aligned


def edit(costs: Floats, block: int, gap: float) -> Floats:
    """Levenshtein costs of each block against as many keys.

    Args:
        costs: (m, n), of any floating type, in which the sums are made.
        block: tokens of a block, 1 .. m.
        gap: cost of a token without a key, or a key without a token; 0 for EXP and .4 for ITS in the paper.

    Returns:
        (m - block + 1, n), block i at shift s.
    """
    from llm_audit.stats import key_alignment_kernel as kernel

    m, n = costs.shape
    unrolled = costs[:, np.arange(n + block) % n]
    out = np.empty((m - block + 1, n), costs.dtype)
    kernel.edit(np.ascontiguousarray(unrolled), block, costs.dtype.type(gap), out)
    return out
