"""One pass over a row of logits: every sum that the token statistics are made of.

The statistics of 49,152 logits, written as array operations, cost more than the 30 layers that produced them. Here each
logit is read once, with one exponential for p and one for p^(1/8), from which every power on the 1/8 grid follows by
multiplication. Compiled by numba on first use (about 3 s, then cached on disk).
Knows nothing about tokens, models or torch.
"""

from __future__ import annotations

import os

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import config

from llm_audit.scoring.tokens import RENYI_ORDERS

# LLVM splits 512-bit vectors in two on most server processors; this loop is 1.6x faster without that.
_features = llvm.get_host_cpu_features()
if _features.get("avx512f") and "NUMBA_CPU_FEATURES" not in os.environ:
    config.CPU_NAME = llvm.get_host_cpu_name()  # type: ignore[attr-defined]  # numba fills its config at import
    config.CPU_FEATURES = _features.flatten() + ",-prefer-256-bit"  # type: ignore[attr-defined]  # as above

TILE = 2048
"""Logits summed in float32 before the sums move to float64; a tile and its temporaries stay in the L1 cache."""

if RENYI_ORDERS != (5.0, 3.0, 2.0, 1.5, 1.25, 1.125, 0.875, 0.75, 0.625, 0.5):
    raise ImportError("the kernel below is written for exactly these orders")
N_SUMS = 5 + len(RENYI_ORDERS)
"""Columns of `row_sums`: sum e, sum u e, sum u^2 e, mass above, mass tied, then one per order; e = exp(u), u = z - max z."""

_f = np.float32


@numba.njit(fastmath=True, inline="always")
def _exp2(y):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """2^y for -126 < y <= 0: a minimax polynomial of degree 5 on [-1/2, 1/2], relative error 1e-7, exact at y = 0."""
    whole = np.floor(y + _f(0.5))
    x = y - whole
    p = _f(1.32647e-3)
    p = p * x + _f(9.67151e-3)
    p = p * x + _f(5.550734e-2)
    p = p * x + _f(2.4022242e-1)
    p = p * x + _f(6.9314698e-1)
    p = p * x + _f(1.0)
    return p * np.int32((whole + _f(127.0)) * _f(8388608.0)).view(np.float32)


@numba.njit(fastmath=True)
def _tile_sums(logits, peak, own, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Add one tile's sums to `out`; return how many of its logits exceed `own`."""
    s0 = s1 = s2 = above = tied = count = _f(0.0)
    a5 = a3 = a2 = a15 = a125 = a1125 = a0875 = a075 = a0625 = a05 = _f(0.0)
    for j in range(logits.size):
        z = logits[j]
        u = z - peak
        # Below 2^-120 a term adds nothing to a sum that holds exp2(0) = 1; the clamp keeps the exponent in range.
        y = max(u * _f(1.4426950408889634), _f(-120.0))
        e = _exp2(y)
        h = _exp2(y * _f(0.125))
        ue = u * e
        h2 = h * h
        h4 = h2 * h2
        e2 = e * e
        e3 = e2 * e
        s0 += e
        s1 += ue
        s2 += u * ue
        a5 += e3 * e2
        a3 += e3
        a2 += e2
        a15 += e * h4
        a125 += e * h2
        a1125 += e * h
        a0875 += h4 * h2 * h
        a075 += h4 * h2
        a0625 += h4 * h
        a05 += h4
        likelier = _f(1.0) if z > own else _f(0.0)
        equal = _f(1.0) if z == own else _f(0.0)
        count += likelier
        above += likelier * e
        tied += equal * e
    sums = (s0, s1, s2, above, tied, a5, a3, a2, a15, a125, a1125, a0875, a075, a0625, a05)
    for k in range(len(sums)):
        out[k] += sums[k]
    return np.int64(count)


@numba.njit(parallel=True, nogil=True, cache=True)
def row_sums(logits, peaks, targets, sums, ranks):  # type: ignore[no-untyped-def]  # compiled by numba
    """Fill `sums` and `ranks` for a block of rows.

    Args:
        logits: (n_rows, vocabulary) float32, finite, no entry further than 1e18 below its row's maximum.
        peaks: (n_rows,) float32, the maximum of each row.
        targets: (n_rows,) int64, the observed token.
        sums: (n_rows, N_SUMS) float64, overwritten.
        ranks: (n_rows,) int32, overwritten: 1 + how many logits strictly exceed the observed one.
    """
    n_rows, n_columns = logits.shape
    for i in numba.prange(n_rows):
        sums[i, :] = 0.0
        above = 0
        own = logits[i, targets[i]]
        for start in range(0, n_columns, TILE):
            above += _tile_sums(logits[i, start : start + TILE], peaks[i], own, sums[i])
        ranks[i] = 1 + above
