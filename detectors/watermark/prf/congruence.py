"""The last rounds of SynthID's linear congruential hash, of many values at once.

The loop is in `congruence_kernels.py`, imported where it runs: with it comes numba.
"""

from __future__ import annotations

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
