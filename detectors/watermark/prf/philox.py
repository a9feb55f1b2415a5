"""Philox4x32-10 as vLLM's watermark uses it ("philox4x32-10-v1"): a context of token ids and a candidate to a 32-bit word.

Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The context is absorbed four ids at a time into
a state that starts from a domain constant and the width of the context; one more application gives four words for four
neighbouring candidates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint64]
"""32-bit words held in 64 bits, so that products do not overflow."""

MASK = np.uint64(0xFFFFFFFF)
_CONTEXT_DOMAIN, _TOKEN_DOMAIN = np.uint64(0x574D4358), np.uint64(0x574D544B)
_HALF = np.uint64(32)


def philox4x32(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, Words, Words, Words]:
    """Ten rounds of Philox4x32 on arrays that broadcast.

    Args:
        counter: four words.
        key: two words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product2 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (product2 >> _HALF) ^ c1 ^ k0,
            product2 & MASK,
            (product0 >> _HALF) ^ c3 ^ k1,
            product0 & MASK,
        )
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & MASK, (k1 + np.uint64(0xBB67AE85)) & MASK
    return c0, c1, c2, c3


def words(key: int, contexts: ArrayLike, tokens: ArrayLike) -> Words:
    """The 32-bit word of each context with each of its candidates.

    Args:
        key: below 2^64.
        contexts: (n, width) token ids; -1 where the text had not begun.
        tokens: (n, c) candidates.

    Returns:
        (n, c).
    """
    low, high = _halves(key)
    s0, s1, s2, s3 = (word[:, None] for word in _state(key, contexts))
    token = np.asarray(tokens, dtype=np.int64).view(np.uint64) & MASK
    four = philox4x32((token >> np.uint64(2), s0, s1, s2), (low ^ s3, np.full_like(s0, high ^ _TOKEN_DOMAIN)))
    which = (token & np.uint64(3)).astype(np.int64)
    picked: Words = np.choose(which, four)
    return picked


def vocabulary_words(key: int, context: ArrayLike, size: int) -> Words:
    """The words of one context with all candidates 0 .. size - 1, (size,): four from each application of the function.

    Args:
        key: below 2^64.
        context: (width,) token ids, as in `words`.
        size: of the vocabulary.
    """
    low, high = _halves(key)
    s0, s1, s2, s3 = _state(key, np.asarray(context)[None])
    quarters = np.arange(-(-size // 4), dtype=np.uint64)
    four = philox4x32((quarters, s0, s1, s2), (low ^ s3, np.full_like(s0, high ^ _TOKEN_DOMAIN)))
    return np.stack(four, axis=1).ravel()[:size]


def _state(key: int, contexts: ArrayLike) -> tuple[Words, Words, Words, Words]:
    """The state after each context, four words of (n,)."""
    context = np.asarray(contexts, dtype=np.int64).view(np.uint64) & MASK
    low, high = _halves(key)
    n, width = context.shape
    s0, s1, s2, s3 = (np.full(n, word, np.uint64) for word in (_CONTEXT_DOMAIN, np.uint64(width), 0, 0))
    for offset in range(0, width, 4):
        block = [context[:, offset + i] if offset + i < width else np.full(n, 0xFFFFFFFF - i, np.uint64) for i in range(4)]
        state = (s0 ^ block[0], s1 ^ block[1], s2 ^ block[2], s3 ^ block[3])
        s0, s1, s2, s3 = philox4x32(state, (np.full(n, low ^ np.uint64(offset)), np.full(n, high)))
    return s0, s1, s2, s3


def _halves(key: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)


def uniform(drawn: Words) -> NDArray[np.float32]:
    """((word >> 8) + 1) / (2^24 + 1) in float32, in (0, 1)."""
    return (((drawn >> np.uint64(8)).astype(np.float64) + 1) / (2.0**24 + 1)).astype(np.float32)
