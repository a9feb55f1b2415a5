"""SynthID's linear congruential hash, of many values at once, and its tournament.

The loops are in `congruence_kernels.py`, imported where they run: with them comes numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MULTIPLIER = np.int64(6364136223846793005)


def bits(hashes: Ints) -> Ints:
    """Bit 30 after twelve times h <- ((h + 1) M + 1) >> 5, signed and wrapped to 64 bits.

    Args:
        hashes: (n, layers).

    Returns:
        (n, layers), the bits of a layer side by side in memory.
    """
    from llm_audit.detectors.watermark.prf import congruence_kernels as kernels

    layers = np.ascontiguousarray(hashes.T)
    out = np.empty_like(layers)
    kernels.rounds(layers.ravel(), out.ravel())
    return out.T


def looked_up(states: Ints, keys: Ints, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The entry of a table at the low bits of (state + key) M + 1.

    Args:
        states: (n,).
        keys: (layers,).
        table: a power of two long, at most 2^32.

    Returns:
        (n, layers), the entries of a layer side by side in memory.
    """
    from llm_audit.detectors.watermark.prf import congruence_kernels as kernels

    out = np.empty((len(keys), len(states)), np.uint8)
    kernels.looked_up(states.astype(np.uint32), keys.astype(np.uint32), table, out)
    return out.T


def tournament(p: NDArray[np.float64], bits: NDArray[np.integer[Any]], leaves: int) -> NDArray[np.float64]:
    """The probabilities after all layers.

    Args:
        p: (n,) before.
        bits: (n, layers).
        leaves: of each match.
    """
    from llm_audit.detectors.watermark.prf import congruence_kernels as kernels

    after = p.copy()
    kernels.tournament(after, np.ascontiguousarray(bits.T), leaves)
    return after
