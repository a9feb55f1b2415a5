"""Compiled loops of `mersenne.py`: MT19937 word by word. numba compiles them on first use and keeps them on disk.

A module of its own, so that stored reports are verified without numba, whose compiler weighs more than all else they need.
Kernels are untyped; the functions of `mersenne.py` are the interface.
"""

from __future__ import annotations

import numba
import numpy as np

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
def words(seed, count, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `out` with the first `count` words of the generator."""
    state = np.empty(_N, np.uint32)
    _seeded(state, seed)
    for start in range(0, count, _N):
        _twist(state)
        for i in range(min(_N, count - start)):
            out[start + i] = _tempered(state[i])


@numba.njit(cache=True, nogil=True)
def permuted(words, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `out` with the permutation that these words make."""
    size = len(out)
    for i in range(size):
        out[i] = i
    for i in range(size - 1):
        j = i + words[i] % np.uint32(size - i)
        swapped = out[i]
        out[i] = out[j]
        out[j] = swapped


@numba.njit(cache=True, nogil=True)
def among_first(seeds, targets, size, count, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Fill `out` with whether each target is among the first `count` entries of its permutation."""
    state, offsets = np.empty(_N, np.uint32), np.empty(_N, np.int64)
    steps = min(count, size - 1)
    inverse = np.empty(steps, np.float64)
    for i in range(steps):
        inverse[i] = 1.0 / (size - i)
    for row in range(len(seeds)):
        _seeded(state, seeds[row])
        slot, hit = targets[row], False
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
                    hit = True
                    break
                if start + i == slot:
                    slot = j
            if hit:
                break
        out[row] = hit or slot < count  # the last slot is never swapped away


@numba.njit(cache=True, nogil=True)
def word_at(seeds, indices, out):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `out` with one word of each generator."""
    state = np.empty(_N, np.uint32)
    for row in range(len(seeds)):
        _seeded(state, seeds[row])
        for _ in range(indices[row] // _N + 1):
            _twist(state)
        out[row] = _tempered(state[indices[row] % _N])


@numba.njit(cache=True, nogil=True)
def seeded(seed, state):  # type: ignore[no-untyped-def]  # compiled by numba, never called from Python
    """Fill `state` with that of a generator before its first block of words."""
    _seeded(state, seed)


@numba.njit(cache=True, nogil=True)
def gathered(kept, known, every, indices, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Fill `out` with the words of one generator at ascending indices, and keep states on the way.

    Row k of `kept` is the state before block k * every, for k < known; returns `known` afterwards.
    """
    state = np.empty(_N, np.uint32)
    state[:] = kept[0]
    done, stop = np.int64(0), np.int64(0)  # blocks that are behind `state`, and the first word that is not in them
    for k in range(len(indices)):
        if indices[k] >= stop:
            block = indices[k] // _N
            row = min(block // every, known - 1)
            if row * every > done:
                state[:] = kept[row]
                done = row * every
            while done <= block:
                _twist(state)
                done += 1
                if done == known * every and known < len(kept):
                    kept[known] = state
                    known += 1
            stop = done * _N
        out[k] = _tempered(state[indices[k] - stop + _N])
    return known
