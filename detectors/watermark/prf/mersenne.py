"""MT19937 as torch's CPU generator uses it: the same words, permutations and uniforms, without torch.

`torch.Generator().manual_seed(s)` keeps the low 32 bits of s and runs MT19937's `init_genrand`; `randint(0, 2)` is the lowest
bit of the next word, `rand` in float32 its lowest 24 bits over 2^24, and `randperm(V)` swaps entry i with entry
i + word mod (V - i) for i = 0 .. V - 2. Verified against torch 2.13 (tests). A generator on a GPU is another one.

The loops are in `mersenne_kernels.py`, imported where they run: with them comes numba.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint32]
Ints = NDArray[np.int64]

BLOCK = 624
"""Words between two steps of the generator."""

MOST_STATES = 2048
"""Most states that are kept of a stream, 5 MiB."""


def words(seed: int, count: int) -> Words:
    """The first `count` 32-bit words of the generator seeded with the low 32 bits of `seed`."""
    from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

    out = np.empty(count, np.uint32)
    kernels.words(np.uint32(seed & 0xFFFFFFFF), count, out)
    return out


def randperm(seed: int, size: int) -> Ints:
    """torch.randperm(size) of a freshly seeded CPU generator."""
    return permutation(words(seed, max(size - 1, 0)), size)


def permutation(drawn: Words, size: int) -> Ints:
    """torch.randperm(size) made from the next size - 1 words of a generator."""
    from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

    out = np.empty(size, np.int64)
    kernels.permuted(drawn, out)
    return out


def uniform(drawn: Words) -> NDArray[np.float32]:
    """torch.rand in float32 made from these words: the lowest 24 bits over 2^24, in [0, 1)."""
    return ((drawn & np.uint32(0xFFFFFF)) * np.float32(2.0**-24)).astype(np.float32)


def among_first(seeds: ArrayLike, targets: ArrayLike, size: int, count: int) -> NDArray[np.bool_]:
    """Whether target i is among the first `count` entries of randperm(size) seeded with seed i.

    Follows the one slot in which the target lies instead of building the permutation.

    Args:
        seeds: (n,) of which the low 32 bits count.
        targets: (n,) in 0 .. size - 1.
        size: of the permutation.
        count: 0 .. size.
    """
    from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

    low = (np.asarray(seeds, dtype=np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    out = np.empty(len(low), np.bool_)
    kernels.among_first(low, np.asarray(targets, dtype=np.int64), size, count, out)
    return out


def word_at(seeds: ArrayLike, indices: ArrayLike) -> Words:
    """Word number `indices[i]` (from 0) of the generator seeded with seed i."""
    from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

    low = (np.asarray(seeds, dtype=np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    out = np.empty(len(low), np.uint32)
    kernels.word_at(low, np.asarray(indices, dtype=np.int64), out)
    return out


class Stream:
    """The words of one generator by their places, any of them, without storing the words.

    The generator is run up to the farthest place that was asked for, and some of its states are kept on the way, so that a
    place once passed is found again by running from the state before it: of 5e9 words in a thousandth of the time.

    Args:
        seed: of the generator.
        length: number of words; places are below it.
    """

    def __init__(self, seed: int, length: int) -> None:
        from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

        blocks = max(1, -(-length // BLOCK))
        self._every = -(-blocks // MOST_STATES)
        self._kept = np.empty((-(-blocks // self._every), BLOCK), np.uint32)
        kernels.seeded(np.uint32(seed & 0xFFFFFFFF), self._kept[0])
        self._known = 1

    def words(self, places: ArrayLike) -> Words:
        """The words at these places, in any order and shape."""
        from llm_audit.detectors.watermark.prf import mersenne_kernels as kernels

        wanted = np.asarray(places, dtype=np.int64)
        order = np.argsort(wanted, axis=None)
        drawn, out = np.empty(wanted.size, np.uint32), np.empty(wanted.size, np.uint32)
        self._known = kernels.gathered(self._kept, self._known, self._every, wanted.ravel()[order], drawn)
        out[order] = drawn
        return out.reshape(wanted.shape)


@lru_cache(maxsize=8)
def stream(seed: int, length: int) -> Stream:
    """The `Stream` of a generator; of the last eight, the states that they kept are still there."""
    return Stream(seed, length)
