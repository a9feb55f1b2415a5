"""Unigram (Zhao et al., arXiv 2306.17439): one green list for all contexts, drawn from the key.

The list is numpy's `default_rng(seed).shuffle` of int(fraction * V) ones and the rest zeros, seed the first four bytes, little
endian, of SHA-256 of the key as a 64-bit number. MarkLLM's Unigram is the same. Its peers count repeated tokens or use a normal
approximation; here each distinct token counts once, and their number of green ones is hypergeometric, exactly. With one list
for all contexts, whether a handful of common words is green weighs much: a public key is not independent of the text.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from llm_audit.detectors.watermark.schemes.base import (
    Bias,
    Floats,
    Key63,
    KeyedScheme,
    Observations,
    Share,
    Step,
    TokenisedText,
    Vocabulary,
    check_split,
    check_vocabulary,
    number,
)
from llm_audit.stats.laws import Law, Urn


class Unigram(KeyedScheme):
    """Green-list scheme with one list: delta is added to green logits."""

    scheme: ClassVar[str] = "unigram"
    title: ClassVar[str] = "Unigram"
    source: ClassVar[str] = "XuandongZhao/GPTWatermark b96cdb4 (MIT); arXiv 2306.17439"
    law: ClassVar[type[Law]] = Urn
    biased: ClassVar[bool] = True

    key: Key63
    vocab_size: Vocabulary
    fraction: Share = 0.5
    delta: Bias = 2.0

    @model_validator(mode="after")
    def _check_list(self) -> Self:
        check_split(int(self.fraction * self.vocab_size), self.vocab_size, "fraction")
        return self

    def green(self) -> NDArray[np.bool_]:
        """(V,) flags of the green tokens."""
        return _green(number(self.key), self.vocab_size, self.fraction)

    def observe(self, text: TokenisedText) -> Observations:
        """Score 1 (green) or 0 of each token; the effective input is the token itself."""
        check_vocabulary(text, self.vocab_size)
        law = Urn(self.vocab_size, int(self.fraction * self.vocab_size))
        green = self.green()[text.ids].astype(np.float64)
        return Observations(np.arange(len(text.ids)), text.ids[:, None], green, law, len(text.ids))

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """The logits with delta added where green."""
        return step.logits + self.delta * self.green()


def numpy_seed(key: int) -> int:
    """The seed of the shuffle."""
    return int.from_bytes(hashlib.sha256(key.to_bytes(8, "little")).digest()[:4], "little")


@lru_cache(maxsize=4)
def _green(key: int, size: int, fraction: float) -> NDArray[np.bool_]:
    mask = np.arange(size) < int(fraction * size)
    np.random.default_rng(numpy_seed(key)).shuffle(mask)
    mask.setflags(write=False)
    return mask
