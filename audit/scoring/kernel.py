"""Compiled kernels for the steps between matrix products: a Llama's norms, rotations, attention softmax and gates, and the
sums over a row of logits from which the token statistics are made. Each makes one pass over memory.

The statistics of 49,152 logits, written as array operations, cost more than the 30 layers that produced them. Here each
logit is read twice while it is in the cache, with one exponential, that of p^(1/8), from which p and all its powers on the 1/8
grid follow by multiplication. Compiled by numba on first use (some seconds, then cached on disk), for one thread: those of a
`Team` call it on their own rows. Division by zero gives infinity, as in numpy, and the head checks for NaN.
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
"""Number of sums per row: e, u e, u^2 e, mass above, mass tied, then one per Renyi order; e = exp(u), u = z - max z."""

_f = np.float32
_LOG2_E = _f(1.4426950408889634)


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
def _tile_sums(logits, peak, observed, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Add one tile's sums to `out`; return how many of its logits exceed `observed`."""
    s0 = s1 = s2 = above = tied = count = _f(0.0)
    a5 = a3 = a2 = a15 = a125 = a1125 = a0875 = a075 = a0625 = a05 = _f(0.0)
    for j in range(logits.size):
        z = logits[j]
        u = z - peak
        # Below 2^-120 a term adds nothing to a sum that holds _exp2(0) = 1; the clamp keeps the exponent in range.
        h = _exp2(max(u * (_LOG2_E * _f(0.125)), _f(-15.0)))
        h2 = h * h
        h4 = h2 * h2
        e = h4 * h4
        ue = u * e
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
        likelier = _f(1.0) if z > observed else _f(0.0)
        equal = _f(1.0) if z == observed else _f(0.0)
        count += likelier
        above += likelier * e
        tied += equal * e
    sums = (s0, s1, s2, above, tied, a5, a3, a2, a15, a125, a1125, a0875, a075, a0625, a05)
    for k in range(len(sums)):
        out[k] += sums[k]
    return np.int64(count)


@numba.njit
def _peak(bits):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """The largest of float32 numbers, given as int32 bits (which vectorise without fastmath); NaN if one is not finite."""
    key, largest = np.int32(-(2**31)), np.int32(0)
    for j in range(bits.size):
        b = bits[j]
        key = max(key, b ^ ((b >> np.int32(31)) & np.int32(0x7FFFFFFF)))  # ordered like the floats
        largest = max(largest, b & np.int32(0x7FFFFFFF))
    if largest >= np.int32(0x7F800000):
        return _f(np.nan)
    return np.int32(key ^ ((key >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def row_sums(logits, targets, peaks, sums, ranks):  # type: ignore[no-untyped-def]  # compiled by numba
    """Fill `peaks`, `sums` and `ranks` for a block of rows.

    Args:
        logits: (n_rows, vocabulary) float32, no entry further than 1e18 below its row's maximum.
        targets: (n_rows,) int64, the observed token.
        peaks: (n_rows,) float32, overwritten: the maximum of each row, NaN if not all of it is finite.
        sums: (n_rows, N_SUMS) float64, overwritten.
        ranks: (n_rows,) int32, overwritten: 1 + how many logits strictly exceed the observed one.
    """
    n_rows, n_columns = logits.shape
    bits = logits.view(np.int32)
    for i in range(n_rows):
        peaks[i] = _peak(bits[i])
        sums[i, :] = 0.0
        above = 0
        observed = logits[i, targets[i]]
        for start in range(0, n_columns, TILE):
            above += _tile_sums(logits[i, start : start + TILE], peaks[i], observed, sums[i])
        ranks[i] = 1 + above


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def add_and_norm(x, delta, weight, eps, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Add `delta` to `x`, and write the RMS norm of the sum times `weight` to `out`; all (n, hidden), `weight` (hidden,)."""
    n, width = x.shape
    for i in range(n):
        total = _f(0.0)
        for j in range(width):
            value = x[i, j] + delta[i, j]
            x[i, j] = value
            total += value * value
        scale = _f(1.0) / np.sqrt(total / _f(width) + eps)
        for j in range(width):
            out[i, j] = weight[j] * (x[i, j] * scale)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def rotate(heads, n_heads, positions, cos, sin):  # type: ignore[no-untyped-def]  # compiled by numba
    """Rotate the first `n_heads` heads, queries and keys, by their positions, in place.

    Args:
        heads: (n, at least n_heads * dim).
        n_heads: how many.
        positions: (n,) int64.
        cos: (largest position + 1, dim / 2).
        sin: the same.
    """
    half = cos.shape[1]
    for i in range(len(heads)):
        row, c, s = heads[i], cos[positions[i]], sin[positions[i]]
        for first in range(0, 2 * half * n_heads, 2 * half):
            for j in range(half):
                a, b = row[first + j], row[first + half + j]
                row[first + j] = a * c[j] - b * s[j]
                row[first + half + j] = b * c[j] + a * s[j]


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def causal_softmax(scores, first, scale):  # type: ignore[no-untyped-def]  # compiled by numba
    """Softmax of each row over the columns that the causal mask leaves it, in place; the others become zero.

    Args:
        scores: (heads, rows, columns), products of queries and keys.
        first: row r sees the columns up to first + r.
        scale: of the products.
    """
    heads, rows, columns = scores.shape
    for i in range(heads * rows):
        row = scores[i // rows, i % rows]
        seen = first + i % rows + 1
        peak = row[0]
        for j in range(1, seen):
            peak = max(peak, row[j])
        total = _f(0.0)
        for j in range(seen):
            e = _exp2(max((row[j] - peak) * (scale * _LOG2_E), _f(-120.0)))
            row[j] = e
            total += e
        share = _f(1.0) / total
        for j in range(seen):
            row[j] *= share
        for j in range(seen, columns):
            row[j] = _f(0.0)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def gated(gate_up, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """silu(gate) * up; `gate_up` (n, 2 m) holds gate and up side by side, `out` is (n, m)."""
    n, width = out.shape
    for i in range(n):
        for j in range(width):
            gate = gate_up[i, j]
            e = _exp2(max(-abs(gate) * _LOG2_E, _f(-120.0)))  # e^-|gate|
            share = (_f(1.0) if gate >= _f(0.0) else e) / (_f(1.0) + e)
            out[i, j] = gate * share * gate_up[i, j + width]
