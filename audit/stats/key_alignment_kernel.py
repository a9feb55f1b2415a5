"""The compiled loop of `key_alignment.edit`, in a module of its own so that numba comes only where it runs."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def edit(costs, gap, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `out` with the Levenshtein cost of the text at each shift; `costs` holds the keys unrolled past their end."""
    tokens, shifts = len(costs), len(out)
    above = np.empty((tokens + 1, shifts), costs.dtype)
    row = np.empty((tokens + 1, shifts), costs.dtype)
    for b in range(tokens + 1):
        above[b] = b * gap
    for a in range(1, tokens + 1):
        row[0] = a * gap
        cost = costs[a - 1]
        for b in range(1, tokens + 1):
            for s in range(shifts):
                least = above[b, s] + gap
                skipped = row[b - 1, s] + gap
                matched = above[b - 1, s] + cost[s + b - 1]
                least = skipped if skipped < least else least
                row[b, s] = matched if matched < least else least
        swap = above
        above = row
        row = swap
    out[:] = above[tokens]
