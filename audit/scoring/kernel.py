"""Compiled kernels for the steps between matrix products: a Llama's norms, rotations, attention softmax and gates, and the
sums over a row of logits from which the token statistics are made. Each makes one pass over memory, on one thread; those of a
`Team` call it on their own rows, at the same time.

The first call on a machine has numba compile `kernel_code.py`, which takes some seconds, and keeps the code, 20 KB, in the
cache folder. From then on llvmlite loads it, and numba, which needs half a second to start, is not imported
(docs/performance.md).
Knows nothing about tokens, models or torch.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from numpy.ctypeslib import ndpointer
from numpy.typing import NDArray

from llm_audit.common.files import atomic_write
from llm_audit.common.paths import cache_root
from llm_audit.scoring.tokens import RENYI_ORDERS
from llm_audit.scoring.weights import Matrix

TILE = 2048
"""Logits summed in float32 before the sums move to float64; a tile and its temporaries stay in the L1 cache."""

if RENYI_ORDERS != (5.0, 3.0, 2.0, 1.5, 1.25, 1.125, 0.875, 0.75, 0.625, 0.5):
    raise ImportError("the kernels are written for exactly these orders")
N_SUMS = 5 + len(RENYI_ORDERS)
"""Number of sums per row: e, u e, u^2 e, mass above, mass tied, then one per Renyi order; e = exp(u), u = z - max z."""


def row_sums(logits: Matrix, observed: Matrix, peaks: Matrix, sums: NDArray[np.float64], ranks: NDArray[np.int32]) -> None:
    """Fill `peaks`, `sums` and `ranks` for a block of rows.

    Args:
        logits: (n_rows, tokens), no entry further than 1e18 below its row's maximum.
        observed: (n_rows,), the logit of the observed token.
        peaks: (n_rows,), overwritten: the maximum of each row, NaN if not all of it is finite.
        sums: (n_rows, N_SUMS), overwritten.
        ranks: (n_rows,), overwritten: 1 + how many logits strictly exceed the observed one.
    """
    _function("row_sums")(logits, observed, peaks, sums, ranks, *logits.shape)


def add_and_norm(x: Matrix, delta: Matrix, weight: Matrix, eps: np.float32, out: Matrix) -> None:
    """Add `delta` to `x`, and write the RMS norm of the sum times `weight` to `out`; all (n, hidden), `weight` (hidden,)."""
    _function("add_and_norm")(x, delta, weight, out, *x.shape, eps)


def rotate(heads: Matrix, n_heads: int, positions: NDArray[np.int64], cos: Matrix, sin: Matrix) -> None:
    """Rotate the first `n_heads` heads, queries and keys, by their positions, in place.

    Args:
        heads: (n, at least n_heads * dim).
        n_heads: how many.
        positions: (n,).
        cos: (largest position + 1, dim / 2).
        sin: the same.
    """
    _function("rotate")(heads, positions, cos, sin, *heads.shape, *cos.shape, n_heads)


def causal_softmax(scores: Matrix, first: int, scale: np.float32) -> None:
    """Softmax of each row over the columns that the causal mask leaves it, in place; the others become zero.

    What a row sees becomes NaN if not all of it is finite.

    Args:
        scores: (heads, rows, columns), products of queries and keys.
        first: row r sees the columns up to first + r.
        scale: of the products.
    """
    _function("causal_softmax")(scores, *scores.shape, first, scale)


def gated(gate_up: Matrix, out: Matrix) -> None:
    """silu(gate) * up; `gate_up` (n, 2 m) holds gate and up side by side, `out` is (n, m)."""
    _function("gated")(gate_up, out, *out.shape)


class Processor(NamedTuple):
    """The processor for which LLVM compiles, as it names it."""

    name: str
    features: str


def processor() -> Processor:
    """Name and features of this machine's processor, as LLVM knows them: what the kernels are compiled for."""
    features = llvm.get_host_cpu_features()
    # LLVM splits 512-bit vectors in two on most server processors; the sums over a row are 1.6x faster without that.
    wide = ",-prefer-256-bit" if features.get("avx512f") else ""
    return Processor(llvm.get_host_cpu_name(), features.flatten() + wide)


def _array(dtype: type[np.generic], dimensions: int, *, written: bool = False) -> Any:
    """The type of an argument that must be a contiguous array of this kind, and reaches a kernel as an address."""
    return ndpointer(dtype, dimensions, flags=["C", "W"]) if written else ndpointer(dtype, dimensions, flags="C")


_COUNT, _NUMBER = ctypes.c_ssize_t, ctypes.c_float
_ROWS, _OWN_ROWS = _array(np.float32, 2), _array(np.float32, 2, written=True)
_TURNS, _PLACES = [_array(np.float32, 2)] * 2, _array(np.int64, 1)
_FOUND = [_array(np.float32, 1, written=True), _array(np.float64, 2, written=True), _array(np.int32, 1, written=True)]
_ARGUMENTS = {
    "row_sums": [_ROWS, _array(np.float32, 1), *_FOUND, _COUNT, _COUNT],
    "add_and_norm": [_OWN_ROWS, _ROWS, _array(np.float32, 1), _OWN_ROWS, _COUNT, _COUNT, _NUMBER],
    "rotate": [_OWN_ROWS, _PLACES, *_TURNS, *[_COUNT] * 5],
    "causal_softmax": [_array(np.float32, 3, written=True), *[_COUNT] * 4, _NUMBER],
    "gated": [_ROWS, _OWN_ROWS, _COUNT, _COUNT],
}
"""Kernel -> the types of its arguments, checked at every call."""

_loading = threading.Lock()


def _function(name: str) -> Any:
    """A kernel; it computes without holding Python's lock."""
    with _loading:
        return _loaded()[1][name]


@cache
def _loaded() -> tuple[Any, dict[str, Any]]:
    """What keeps the code in memory, and the kernels by name."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True, codemodel="jitdefault")
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(_object_code()))
    engine.finalize_object()
    return engine, {
        name: ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address(name)) for name, arguments in _ARGUMENTS.items()
    }


def _object_code() -> bytes:
    """The kernels' code for this machine, from the cache folder (or numba's, if that is set) if it is there and whole."""
    host = processor()
    source = Path(__file__).with_name("kernel_code.py").read_bytes()
    made_of = (*host, llvm.get_process_triple(), version("llvmlite"), version("numba"), hashlib.sha256(source).hexdigest())
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or cache_root() / "kernels")
    path = folder / f"llm-audit-{hashlib.sha256(repr(made_of).encode()).hexdigest()}.o"
    with suppress(OSError):
        stored = path.read_bytes()
        if stored[:32] == hashlib.sha256(stored[32:]).digest():
            return stored[32:]
    fresh = "numba" not in sys.modules  # numba that has compiled already keeps to what it was told of the processor then
    from llm_audit.scoring.kernel_code import object_code

    code = object_code(host)
    if fresh:
        with suppress(OSError):  # a cache that cannot be written only costs time
            folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, hashlib.sha256(code).digest() + code, durable=False, mode=0o600)
    return code
