"""The compiled loop of `key_alignment.edit`, in a module of its own so that numba comes only where it runs."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def edit(costs, block, gap, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `out` with the least cost of aligning each block of tokens with the key from each shift on.

    Args:
        costs: (tokens, keys + block - 1) cost of each token at each key; the first keys are repeated behind the last.
        block: tokens of a block.
        gap: cost of passing over a token or a key.
        out: (blocks, shifts) gets the costs; block i begins at token i, shift s at key s.
    """
    shifts = out.shape[1]
    above = np.empty((block + 1, shifts), costs.dtype)
    row = np.empty((block + 1, shifts), costs.dtype)
    for i in range(len(out)):
        for b in range(block + 1):
            above[b] = b * gap
        for a in range(1, block + 1):
            row[0] = a * gap
            cost = costs[i + a - 1]
            for b in range(1, block + 1):
                for s in range(shifts):
                    least = above[b, s] + gap
                    skipped = row[b - 1, s] + gap
                    matched = above[b - 1, s] + cost[s + b - 1]
                    least = skipped if skipped < least else least
                    row[b, s] = matched if matched < least else least
            swap = above
            above = row
            row = swap
        out[i] = above[block]
