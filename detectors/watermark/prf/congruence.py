"""The last rounds of SynthID's linear congruential hash, of many values at once.

Compiled by numba on first use, then cached on disk; the kernel is untyped, the function below it is the interface.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MULTIPLIER = np.int64(6364136223846793005)


@numba.njit(cache=True, nogil=True)
def _rounds(hashes, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    for i in range(len(hashes)):
        state = hashes[i]
        for _ in range(12):
            state = ((state + np.int64(1)) * MULTIPLIER + np.int64(1)) >> np.int64(5)
        out[i] = (state >> np.int64(30)) & np.int64(1)


def bits(hashes: Ints) -> Ints:
    """Bit 30 after twelve times h <- ((h + 1) M + 1) >> 5, signed and wrapped to 64 bits.

    Args:
        hashes: (n, layers).

    Returns:
        (n, layers), the bits of a layer side by side in memory.
    """
    layers = np.ascontiguousarray(hashes.T)
    out = np.empty_like(layers)
    _rounds(layers.ravel(), out.ravel())
    return out.T
