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

_f, _i = np.float32, np.int32
_LOG2_E = _f(1.4426950408889634)
_ALL_BUT_SIGN = _i(0x7FFFFFFF)
_INFINITY = _i(0x7F800000)
"""Bits of a float32, as an int32. Results of int32 arithmetic are cast back to it here: numba widens them to int64."""


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


@numba.njit(inline="always")
def _ordered(bits):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """An int32 for the bits of a float32, in the order of the floats: its maximum vectorises without fastmath."""
    return _i(bits ^ _i(_i(bits >> _i(31)) & _ALL_BUT_SIGN))


@numba.njit(inline="always")
def _peak_of(ordered, size):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """The float32 of the largest `ordered`; NaN if `size`, the largest bits without their sign, is no finite number's."""
    return _f(np.nan) if size >= _INFINITY else _ordered(ordered).view(np.float32)


@numba.njit
def _peak(bits):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """The largest of float32 numbers, given as int32 bits; NaN if one is not finite."""
    largest, size = _i(-(2**31)), _i(0)
    for j in range(bits.size):
        largest = max(largest, _ordered(bits[j]))
        size = max(size, _i(bits[j] & _ALL_BUT_SIGN))
    return _peak_of(largest, size)


@numba.njit(fastmath=True)
def _tile_sums(logits, peak, observed, out, following):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Add one tile's sums to `out`; return how many of its logits exceed `observed`, and the two numbers that make `_peak`, of
    another tile of as many logits, given as bits: those are read from memory while these are computed.
    """
    largest, size = _i(-(2**31)), _i(0)
    s0 = s1 = s2 = above = tied = count = _f(0.0)
    a5 = a3 = a2 = a15 = a125 = a1125 = a0875 = a075 = a0625 = a05 = _f(0.0)
    for j in range(logits.size):
        largest = max(largest, _ordered(following[j]))
        size = max(size, _i(following[j] & _ALL_BUT_SIGN))
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
    return np.int64(count), largest, size


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
        if i == 0:
            peaks[i] = _peak(bits[i])
        sums[i, :] = 0.0
        observed, rank = logits[i, targets[i]], 1
        following = min(i + 1, n_rows - 1)
        largest, size = _i(-(2**31)), _i(0)
        for start in range(0, n_columns, TILE):
            tile = slice(start, start + TILE)
            above, a, b = _tile_sums(logits[i, tile], peaks[i], observed, sums[i], bits[following, tile])
            rank, largest, size = rank + above, max(largest, a), max(size, b)
        peaks[following] = _peak_of(largest, size)
        ranks[i] = rank


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


@numba.njit(fastmath=True)
def _powers(row, peak, factor):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Replace each number z of a row by 2^(factor (z - peak)); return their sum."""
    total = _f(0.0)
    for j in range(row.size):
        e = _exp2(max((row[j] - peak) * factor, _f(-120.0)))
        row[j] = e
        total += e
    return total


@numba.njit(fastmath=True)
def _multiply(row, factor):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    for j in range(row.size):
        row[j] *= factor


@numba.njit(nogil=True, cache=True, error_model="numpy")
def causal_softmax(scores, first, scale):  # type: ignore[no-untyped-def]  # compiled by numba
    """Softmax of each row over the columns that the causal mask leaves it, in place; the others become zero.

    What a row sees becomes NaN if not all of it is finite. The three loops over a row are functions of their own: in one, LLVM
    vectorises none of them, which takes 3.7 times as long.

    Args:
        scores: (heads, rows, columns), products of queries and keys.
        first: row r sees the columns up to first + r.
        scale: of the products.
    """
    heads, rows, _ = scores.shape
    bits = scores.view(np.int32)
    for i in range(heads):
        for r in range(rows):
            seen = first + r + 1
            row, peak = scores[i, r, :seen], _peak(bits[i, r, :seen])
            if np.isnan(peak):
                row[:] = peak
            else:
                _multiply(row, _f(1.0) / _powers(row, peak, scale * _LOG2_E))
            scores[i, r, seen:] = _f(0.0)


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
