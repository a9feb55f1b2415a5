"""MurmurHash3 (x86, 32 bits, seed 0) of 32-bit words: the hash of SGLang's watermark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""32-bit words held in 64 bits, so that products do not overflow."""

_MASK = np.uint64(0xFFFFFFFF)


def murmur3(blocks: Sequence[Words | np.uint64]) -> Words:
    """The hash of a message of len(blocks) words; the words are arrays that broadcast."""
    state = np.uint64(0) * np.asarray(blocks[0], dtype=np.uint64)
    for block in blocks:
        mixed = (np.asarray(block, dtype=np.uint64) * np.uint64(0xCC9E2D51)) & _MASK
        mixed = (_rotated(mixed, 15) * np.uint64(0x1B873593)) & _MASK
        state = (_rotated(state ^ mixed, 13) * np.uint64(5) + np.uint64(0xE6546B64)) & _MASK
    state = state ^ np.uint64(4 * len(blocks))
    state = ((state ^ (state >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & _MASK
    state = ((state ^ (state >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & _MASK
    hashed: Words = state ^ (state >> np.uint64(16))
    return hashed


def _rotated(word: Words, places: int) -> Words:
    return ((word << np.uint64(places)) | (word >> np.uint64(32 - places))) & _MASK
