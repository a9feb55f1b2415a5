"""The loop of `congruence`. Compiled by numba on first use, then cached on disk; untyped, since nobody else calls it."""

from __future__ import annotations

import numba
import numpy as np

from llm_audit.detectors.watermark.prf.congruence import MULTIPLIER


@numba.njit(cache=True, nogil=True)
def rounds(hashes, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Bit 30 of each hash after twelve rounds, into `out`; both (n,) int64."""
    for i in range(len(hashes)):
        state = hashes[i]
        for _ in range(12):
            state = ((state + np.int64(1)) * MULTIPLIER + np.int64(1)) >> np.int64(5)
        out[i] = (state >> np.int64(30)) & np.int64(1)
