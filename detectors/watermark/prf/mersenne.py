"""MT19937 as torch's CPU generator uses it: the same words, permutations and uniforms, without torch.

`torch.Generator().manual_seed(s)` keeps the low 32 bits of s and runs MT19937's `init_genrand`; `randint(0, 2)` is the lowest
bit of the next word, `rand` in float32 its lowest 24 bits over 2^24, and `randperm(V)` swaps entry i with entry
i + word mod (V - i) for i = 0 .. V - 2. Verified against torch 2.13 (tests). A generator on a GPU is another one.

Compiled by numba on first use, then cached on disk. Kernels are untyped; the functions below them are the interface.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint32]
Ints = NDArray[np.int64]

_N, _M = 624, 397


@numba.njit(cache=True, nogil=True)
def _seeded(state, seed):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    state[0] = seed
    for i in range(1, _N):
        previous = state[i - 1]
        state[i] = np.uint32(np.uint32(1812433253) * (previous ^ (previous >> np.uint32(30))) + np.uint32(i))


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(word, following):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    joined = (word & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    return np.uint32((joined >> np.uint32(1)) ^ ((joined & np.uint32(1)) * np.uint32(0x9908B0DF)))


@numba.njit(cache=True, nogil=True)
def _twist(state):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    for i in range(_N - _M):  # in loops without a branch, which run on vectors
        state[i] = state[i + _M] ^ _mixed(state[i], state[i + 1])
    for i in range(_N - _M, _N - 1):
        state[i] = state[i - (_N - _M)] ^ _mixed(state[i], state[i + 1])
    state[_N - 1] = state[_M - 1] ^ _mixed(state[_N - 1], state[0])


@numba.njit(cache=True, nogil=True, inline="always")
def _tempered(word):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    word ^= word >> np.uint32(11)
    word ^= (word << np.uint32(7)) & np.uint32(0x9D2C5680)
    word ^= (word << np.uint32(15)) & np.uint32(0xEFC60000)
    return np.uint32(word ^ (word >> np.uint32(18)))


@numba.njit(cache=True, nogil=True)
def _words(seed, count, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    state = np.empty(_N, np.uint32)
    _seeded(state, seed)
    for start in range(0, count, _N):
        _twist(state)
        for i in range(min(_N, count - start)):
            out[start + i] = _tempered(state[i])


@numba.njit(cache=True, nogil=True)
def _permuted(words, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    size = len(out)
    for i in range(size):
        out[i] = i
    for i in range(size - 1):
        j = i + words[i] % np.uint32(size - i)
        held = out[i]
        out[i] = out[j]
        out[j] = held


@numba.njit(cache=True, nogil=True)
def _among_first(seeds, targets, size, count, out):  # type: ignore[no-untyped-def]  # compiled by numba
    state, offsets = np.empty(_N, np.uint32), np.empty(_N, np.int64)
    steps = min(count, size - 1)
    inverse = np.empty(steps, np.float64)
    for i in range(steps):
        inverse[i] = 1.0 / (size - i)
    for row in range(len(seeds)):
        _seeded(state, seeds[row])
        slot, found = targets[row], False
        for start in range(0, steps, _N):
            _twist(state)
            block = min(_N, steps - start)
            for i in range(block):  # word mod (size - i) by a product, so that the loop runs on vectors
                word = np.int64(_tempered(state[i]))
                left = size - start - i
                rest = word - np.int64(word * inverse[start + i]) * left
                rest = rest + left if rest < 0 else rest
                offsets[i] = rest - left if rest >= left else rest
            for i in range(block):
                j = start + i + offsets[i]
                if j == slot:
                    found = True
                    break
                if start + i == slot:
                    slot = j
            if found:
                break
        out[row] = found or slot < count  # the last slot is never swapped away


@numba.njit(cache=True, nogil=True)
def _word_at(seeds, indices, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    state = np.empty(_N, np.uint32)
    for row in range(len(seeds)):
        _seeded(state, seeds[row])
        for _ in range(indices[row] // _N + 1):
            _twist(state)
        out[row] = _tempered(state[indices[row] % _N])


@numba.njit(cache=True, nogil=True)
def _gathered(seed, indices, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    state = np.empty(_N, np.uint32)
    _seeded(state, seed)
    done = np.int64(0)
    for k in range(len(indices)):
        block = indices[k] // _N + 1
        while done < block:
            _twist(state)
            done += 1
        out[k] = _tempered(state[indices[k] - (block - 1) * _N])


def words(seed: int, count: int) -> Words:
    """The first `count` 32-bit words of the generator seeded with the low 32 bits of `seed`."""
    out = np.empty(count, np.uint32)
    _words(np.uint32(seed & 0xFFFFFFFF), count, out)
    return out


def randperm(seed: int, size: int) -> Ints:
    """torch.randperm(size) of a freshly seeded CPU generator."""
    return permutation(words(seed, max(size - 1, 0)), size)


def permutation(drawn: Words, size: int) -> Ints:
    """torch.randperm(size) made from the next size - 1 words of a generator."""
    out = np.empty(size, np.int64)
    _permuted(drawn, out)
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
    low = (np.asarray(seeds, dtype=np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    out = np.empty(len(low), np.bool_)
    _among_first(low, np.asarray(targets, dtype=np.int64), size, count, out)
    return out


def word_at(seeds: ArrayLike, indices: ArrayLike) -> Words:
    """Word number `indices[i]` (from 0) of the generator seeded with seed i."""
    low = (np.asarray(seeds, dtype=np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    out = np.empty(len(low), np.uint32)
    _word_at(low, np.asarray(indices, dtype=np.int64), out)
    return out


def gathered(seed: int, indices: ArrayLike) -> Words:
    """The words at these places of one generator's stream, in one pass over it and without storing it.

    Args:
        seed: of the generator.
        indices: places from 0, any order and shape.
    """
    places = np.asarray(indices, dtype=np.int64)
    order = np.argsort(places, axis=None)
    drawn = np.empty(places.size, np.uint32)
    _gathered(np.uint32(seed & 0xFFFFFFFF), places.ravel()[order], drawn)
    out = np.empty(places.size, np.uint32)
    out[order] = drawn
    return out.reshape(places.shape)
