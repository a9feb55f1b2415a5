"""The green lists of lm-watermarking (Kirchenbauer et al.): its named seeding schemes and their free form.

Formulas of extended_watermark_processor.py and alternative_prf_schemes.py. Products of tensors wrap to signed 64 bits; products
with the key in Python do not. The table that hashes ids is public (seed 2971215073), so that its selfhash and that of
transformers are incompatible. The vocabulary is len(tokenizer), which differs from a model's padded size.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import AfterValidator, model_validator

from llm_audit.detectors.watermark.prf import mersenne
from llm_audit.detectors.watermark.schemes.base import Bits, Ints, Key63, Width, number
from llm_audit.detectors.watermark.schemes.green_list import (
    TABLE_SIZE,
    GreenList,
    Window,
    Words,
    hash_table,
    products_by_key,
    reduced_int64,
)

TABLE_SEED = 2971215073

NAMED: dict[str, tuple[str, int, bool]] = {
    "simple_1": ("additive_prf", 1, False),
    "lefthash": ("additive_prf", 1, False),
    "selfhash": ("anchored_minhash_prf", 4, True),
    "algorithm-3": ("anchored_minhash_prf", 4, True),
    "minhash": ("minhash_prf", 4, False),
    "skipgram": ("skipgram_prf", 5, False),
}
"""The reference's names: function, width of the context, whether the candidate is part of it."""


def _hashed(values: Ints) -> Ints:
    return hash_table(TABLE_SEED)[values % TABLE_SIZE]


def _noncommutative(runs: Ints, key: int) -> Ints:
    state = np.full(len(runs), key, dtype=np.int64)
    for column in runs.T:
        state = state * _hashed(state * column) % 2**32
    return state


def _pairs(runs: Ints, key: int) -> Ints:
    hashed = _hashed(key * runs)
    least: Ints = np.min([hashed[:, i] * hashed[:, j] for i, j in combinations(range(runs.shape[1]), 2)], axis=0)
    return least


def _position(runs: Ints, key: int) -> Ints:
    total: Ints = (key * runs * np.arange(1, runs.shape[1] + 1)).sum(axis=1)
    return total


IN_TENSORS: dict[str, Callable[[Ints, int], Ints]] = {
    "simple_skip_prf": lambda runs, key: _hashed(key * runs[:, ::2]).prod(axis=1),
    "skipgram_prf": lambda runs, key: _hashed(key * runs[:, 0]),
    "anchored_skipgram_prf": lambda runs, key: _hashed(key * runs[:, 0]) * _hashed(key * runs[:, -1]),
    "minhash_prf": lambda runs, key: _hashed(key * runs).min(axis=1),
    "anchored_minhash_prf": lambda runs, key: (key * _hashed(runs) * _hashed(runs[:, -1:])).min(axis=1),
    "minskipgram_prf": _pairs,
    "noncomm_prf": _noncommutative,
    "position_prf": _position,
}
"""Functions whose key is multiplied within 64 bits."""

IN_PYTHON: dict[str, Callable[[Ints], Ints]] = {
    "multiplicative_prf": lambda runs: runs.prod(axis=1),
    "additive_prf": lambda runs: runs.sum(axis=1),
    "minfunc_prf": lambda runs: runs.min(axis=1),
}
"""Functions whose value is multiplied by the key without a limit."""


def _known(prf: str) -> str:
    if prf not in IN_TENSORS and prf not in IN_PYTHON:
        raise ValueError(f"it must be one of {', '.join(sorted({**IN_TENSORS, **IN_PYTHON}))}")
    return prf


class LmWatermarking(GreenList):
    """Green-list scheme: delta is added to green logits."""

    scheme: ClassVar[str] = "lm-watermarking"
    title: ClassVar[str] = "lm-watermarking, green list"
    source: ClassVar[str] = "jwkirchenbauer/lm-watermarking fb602de (Apache-2.0); arXiv 2301.10226, 2306.04634"

    key: Key63
    prf: Annotated[str, AfterValidator(_known)] = "additive_prf"
    context_width: Width = 1
    self_salt: bool = False
    select_green_tokens: bool = True

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if self.prf == "minskipgram_prf" and self.context_width < 2:
            raise ValueError("minskipgram_prf hashes pairs of tokens: context_width must be at least 2")
        return self

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """An odd number: an even factor would waste the low bits that torch keeps."""
        return {"key": str(bits(40) | 1)}

    @classmethod
    def named(cls, seeding_scheme: str, **fields: Any) -> LmWatermarking:
        """The scheme for a name of the reference: one of `NAMED`, or "ff-<prf>-<width>-<self_salt>[-<key>]"."""
        if seeding_scheme in NAMED:
            prf, width, self_salt = NAMED[seeding_scheme]
            return cls.model_validate({"prf": prf, "context_width": width, "self_salt": self_salt} | fields)
        prf, width_digits, self_salt_word = seeding_scheme.split("-")[1:4]
        width, self_salt = int(width_digits), self_salt_word == "True"
        return cls.model_validate({"prf": prf, "context_width": width, "self_salt": self_salt} | fields)

    @property
    def window(self) -> Window:
        """context_width tokens, with the candidate or before it."""
        return Window(self.context_width, self.self_salt)

    @property
    def candidates(self) -> int:
        """Number of candidates: one more than in transformers."""
        return 41

    @property
    def least_context(self) -> int:
        """context_width tokens without the candidate."""
        return self.window.before

    def seeds(self, runs: Ints) -> Words:
        """Seed of each run of ids, (n,), by the pseudo-random function of the scheme."""
        key = number(self.key)
        if self.prf in IN_PYTHON:
            with np.errstate(over="ignore"):
                return products_by_key(key, IN_PYTHON[self.prf](runs))
        with np.errstate(over="ignore"):
            return reduced_int64(IN_TENSORS[self.prf](runs, key))

    def greens(self, inputs: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether tokens are among the first int(V gamma) entries of the permutation, or the last ones in the legacy list."""
        if self.select_green_tokens:
            return super().greens(inputs)
        return ~mersenne.among_first(inputs[:, 0], inputs[:, 1], self.vocab_size, self.vocab_size - self.green_size)

    def listed(self, seed: int) -> Ints:
        """The green list of a seed."""
        permuted = mersenne.randperm(seed, self.vocab_size)
        return permuted[: self.green_size] if self.select_green_tokens else permuted[self.vocab_size - self.green_size :]
