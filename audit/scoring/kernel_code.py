"""The source of the compiled kernels (`kernel.py`), and the machine's code made from it. Importing it imports numba.

The statistics of 49,152 logits, written as array operations, cost more than the 30 layers that produced them. Here each
logit is read twice while it is in the cache, with one exponential, that of p^(1/8), from which p and all its powers on the 1/8
grid follow by multiplication. Division by zero gives infinity, as in numpy, and the head checks for NaN.

No function here may raise or allocate: then its code needs nothing of Python or numba, and `object_code` says so if it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import carray, config, types  # type: ignore[attr-defined]  # numba exports `carray` without saying so

from llm_audit.scoring.kernel import N_SUMS, TILE, Processor, processor

config.CPU_NAME, config.CPU_FEATURES = processor()  # type: ignore[attr-defined]  # numba fills its config at import

_compiled: dict[str, Any] = {}
"""The kernels by name, as numba compiled them; each calls `carray` on the addresses that it gets."""


def _kernel(*arguments: Any, **options: Any) -> Callable[[Callable[..., None]], None]:
    """A decorator that compiles a kernel with these types of arguments."""

    def compiled(function: Callable[..., None]) -> None:
        _compiled[function.__name__] = numba.cfunc(types.void(*arguments), error_model="numpy", **options)(function)

    return compiled


_address, _count, _number = types.voidptr, types.intp, types.float32
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


@numba.njit
def _fill(row, value):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    for j in range(row.size):
        row[j] = value


@_kernel(_address, _address, _address, _address, _address, _count, _count)
def row_sums(logits, observed, peaks, sums, ranks, n_rows, n_columns):  # type: ignore[no-untyped-def]  # compiled by numba
    """The code of `kernel.row_sums`, whose arguments are described there."""
    z, bits = carray(logits, (n_rows, n_columns), np.float32), carray(logits, (n_rows, n_columns), np.int32)
    seen, peak, rank = carray(observed, n_rows, np.float32), carray(peaks, n_rows, np.float32), carray(ranks, n_rows, np.int32)
    total = carray(sums, (n_rows, N_SUMS), np.float64)
    for i in range(n_rows):
        if i == 0:
            peak[i] = _peak(bits[i])
        above = 0
        for k in range(N_SUMS):
            total[i, k] = 0.0
        following = min(i + 1, n_rows - 1)
        largest, size = _i(-(2**31)), _i(0)
        for start in range(0, n_columns, TILE):
            stop = min(start + TILE, n_columns)
            more, a, b = _tile_sums(z[i, start:stop], peak[i], seen[i], total[i], bits[following, start:stop])
            above, largest, size = above + more, max(largest, a), max(size, b)
        peak[following] = _peak_of(largest, size)
        rank[i] = 1 + above


@_kernel(_address, _address, _address, _address, _count, _count, _number, fastmath=True)
def add_and_norm(sums, deltas, weights, norms, n, width, eps):  # type: ignore[no-untyped-def]  # compiled by numba
    """The code of `kernel.add_and_norm`, whose arguments are described there."""
    x, delta = carray(sums, (n, width), np.float32), carray(deltas, (n, width), np.float32)
    weight, out = carray(weights, width, np.float32), carray(norms, (n, width), np.float32)
    for i in range(n):
        total = _f(0.0)
        for j in range(width):
            value = x[i, j] + delta[i, j]
            x[i, j] = value
            total += value * value
        scale = _f(1.0) / np.sqrt(total / _f(width) + eps)
        for j in range(width):
            out[i, j] = weight[j] * (x[i, j] * scale)


@_kernel(_address, _address, _address, _address, _count, _count, _count, _count, _count, fastmath=True)
def rotate(heads, positions, cosines, sines, n, width, n_positions, half, n_heads):  # type: ignore[no-untyped-def]  # compiled by numba
    """Rotate queries and keys by their positions, in place: the code of `kernel.rotate`, which describes the arguments."""
    x, position = carray(heads, (n, width), np.float32), carray(positions, n, np.int64)
    cos, sin = carray(cosines, (n_positions, half), np.float32), carray(sines, (n_positions, half), np.float32)
    for i in range(n):
        row, c, s = x[i], cos[position[i]], sin[position[i]]
        for head in range(n_heads):
            first = 2 * half * head
            for j in range(half):
                a, b = row[first + j], row[first + half + j]
                row[first + j] = a * c[j] - b * s[j]
                row[first + half + j] = b * c[j] + a * s[j]


@_kernel(_address, _count, _count, _count, _count, _number)
def causal_softmax(scores, heads, rows, columns, first, scale):  # type: ignore[no-untyped-def]  # compiled by numba
    """The code of `kernel.causal_softmax`, whose arguments are described there.

    The loops over a row are functions of their own: in one, LLVM vectorises none of them.
    """
    x, bits = carray(scores, (heads, rows, columns), np.float32), carray(scores, (heads, rows, columns), np.int32)
    for i in range(heads):
        for r in range(rows):
            seen = first + r + 1
            peak = _peak(bits[i, r, :seen])
            if np.isnan(peak):
                _fill(x[i, r, :seen], peak)
            else:
                _multiply(x[i, r, :seen], _f(1.0) / _powers(x[i, r, :seen], peak, scale * _LOG2_E))
            _fill(x[i, r, seen:], _f(0.0))


@_kernel(_address, _address, _count, _count, fastmath=True)
def gated(gates_and_ups, products, n, width):  # type: ignore[no-untyped-def]  # compiled by numba
    """The code of `kernel.gated`, whose arguments are described there."""
    gate_up, out = carray(gates_and_ups, (n, 2 * width), np.float32), carray(products, (n, width), np.float32)
    for i in range(n):
        for j in range(width):
            gate = gate_up[i, j]
            e = _exp2(max(-abs(gate) * _LOG2_E, _f(-120.0)))  # e^-|gate|
            share = (_f(1.0) if gate >= _f(0.0) else e) / (_f(1.0) + e)
            out[i, j] = gate * share * gate_up[i, j + width]


def object_code(processor: Processor) -> bytes:
    """The code of all kernels for this processor, as an object file with a function of each one's name.

    Raises:
        ImportError: the code needs something that the C library does not have.
    """
    module = llvm.parse_assembly("")
    for name, kernel in _compiled.items():
        part = llvm.parse_assembly(kernel.inspect_llvm())
        part.get_function(kernel.native_name).name = name
        for symbol in [*part.functions, *part.global_variables]:
            if not symbol.is_declaration and symbol.name != name:
                symbol.linkage = "internal"
        module.link_in(part)
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=processor.name, features=processor.features, opt=3, jit=True, codemodel="jitdefault"
    )
    # Numba's code handles errors by calling Python. Once all is in one module, LLVM sees that there are none, and drops it.
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    needed = {symbol.name for symbol in module.functions if symbol.is_declaration and not symbol.name.startswith("llvm.")}
    if needed - {"memset", "memcpy", "memmove"}:
        raise ImportError(f"the compiled kernels need {', '.join(sorted(needed))}")
    return bytes(machine.emit_object(module))
