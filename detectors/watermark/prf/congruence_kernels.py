"""The loops of `congruence`. Compiled by numba on first use, then cached on disk; untyped, since nobody else calls it."""

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


@numba.njit(cache=True, nogil=True)
def looked_up(states, keys, table, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Row l of `out`: the entries of `table`, a power of two long, at the low bits of the hashes with key l; all uint32."""
    mask, multiplier = np.uint32(len(table) - 1), np.uint32(MULTIPLIER & 0xFFFFFFFF)
    for layer in range(len(keys)):
        for i in range(len(states)):
            out[layer, i] = table[((states[i] + keys[layer]) * multiplier + np.uint32(1)) & mask]


@numba.njit(cache=True, nogil=True)
def tournament(p, bits, leaves):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Change the probabilities `p` by a layer after the other; `bits` is (layers, n)."""
    for layer in range(len(bits)):
        ones = 0.0
        for i in range(len(p)):
            ones += p[i] * bits[layer, i]
        less = max(1 - ones, 0.0)
        won, lost = 1 + less, less
        if leaves > 2:
            won, lost = (1 - less**leaves) / ones if ones > 0 else 0.0, less ** (leaves - 1)
        for i in range(len(p)):
            p[i] *= won if bits[layer, i] else lost
