"""Distortion-free marks with a sequence of keys (Kuditipudi et al., arXiv 2307.15593): EXP and ITS.

The key is a seed, from which n keys are drawn; token t of a generation uses key (start + t) mod n. EXP chooses
argmax log(xi_v) / p_v with xi uniform per key and token; ITS inverts the distribution, in a secret order pi of the vocabulary,
at a uniform u per key. A text is tested by lining it up with the keys, so that deletions and insertions do not lose it. Keys of
the "torch" dialect come from torch's CPU generator, those of "demo" (EXP) from the demo's MT19937.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from llm_audit.detectors.watermark.prf import mersenne
from llm_audit.detectors.watermark.schemes.base import (
    Bits,
    Floats,
    Ints,
    Key63,
    KeyedScheme,
    Step,
    Vocabulary,
    chosen,
    gumbel_choice,
    number,
)

LARGEST = np.float32(1 - 2.0**-24)
"""Value that replaces 1: the demo's 32-bit uniforms sometimes round to 1, where log(1 - xi) is -infinity."""


class KeySequence(KeyedScheme):
    """Base of EXP and ITS: costs of tokens under keys."""

    source: ClassVar[str] = "jthickstun/watermark 80d4ec8 (re-implemented from the paper); arXiv 2307.15593"
    gap: ClassVar[float]

    key: Key63
    vocab_size: Vocabulary
    length: int = Field(256, ge=1, le=65536)

    @classmethod
    def draw_keys(cls, bits: Bits, like: Self | None = None) -> dict[str, object]:
        """A seed of 32 bits: torch keeps no more."""
        return {"key": str(bits(32))}

    @abstractmethod
    def costs(self, ids: Ints) -> Floats:
        """The cost of each token under each key, (m, length); low where the key marked the token."""

    @abstractmethod
    def null_costs(self, ids: Ints, generator: np.random.Generator) -> Floats:
        """The costs under a fresh random key, of which only the part that the text needs is drawn."""


class Exp(KeySequence):
    """Cost log(1 - xi_{key, token}): minus a standard exponential score under the null."""

    scheme: ClassVar[str] = "kuditipudi-exp"
    title: ClassVar[str] = "Kuditipudi et al., EXP"
    gap: ClassVar[float] = 0.0

    dialect: Literal["torch", "demo"] = "torch"

    def xi(self, tokens: Ints) -> Floats:
        """(length, c) uniforms of these tokens under each key."""
        return self._uniforms(np.arange(self.length)[:, None], tokens).astype(np.float64)

    def _uniforms(self, keys: int | Ints, tokens: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        stream = mersenne.stream(number(self.key), self.length * self.vocab_size)
        words = stream.words(keys * self.vocab_size + tokens)
        if self.dialect == "torch":
            return mersenne.uniform(words)
        return np.minimum((words / 2.0**32).astype(np.float32), LARGEST)

    def costs(self, ids: Ints) -> Floats:
        """The costs log(1 - xi), (m, length)."""
        tokens, place = np.unique(ids, return_inverse=True)
        return np.log1p(-self.xi(tokens)).T[place]

    def null_costs(self, ids: Ints, generator: np.random.Generator) -> Floats:
        """Costs under a fresh key, (m, length): minus a standard exponential for each distinct token and place of the key."""
        tokens, place = np.unique(ids, return_inverse=True)
        return -generator.standard_exponential((len(tokens), self.length))[place]

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token."""
        row, size = (step.start + len(step.output)) % self.length, len(step.logits)
        return chosen(gumbel_choice(step.logits, self._uniforms(row, np.arange(size))), size)


class Its(KeySequence):
    """Cost |eta - u|, eta = rank of the token in the secret order over V, u the key."""

    scheme: ClassVar[str] = "kuditipudi-its"
    title: ClassVar[str] = "Kuditipudi et al., ITS"
    gap: ClassVar[float] = 0.4

    def order_and_keys(self) -> tuple[Ints, Floats]:
        """Pi, (V,) and u, (length,), from one generator."""
        return _order_and_keys(number(self.key), self.vocab_size, self.length)

    def ranks(self, ids: Ints) -> Floats:
        """Rank eta of each token in the secret order, over V: (m,), in [0, 1)."""
        pi, _ = self.order_and_keys()
        rank = np.empty(self.vocab_size, np.int64)
        rank[pi] = np.arange(self.vocab_size)
        return rank[ids] / self.vocab_size

    def costs(self, ids: Ints) -> Floats:
        """The costs |eta - u|, (m, length)."""
        return np.abs(self.ranks(ids)[:, None] - self.order_and_keys()[1])

    def null_costs(self, ids: Ints, generator: np.random.Generator) -> Floats:
        """Costs under a fresh key, (m, length): its u is uniform, and distinct tokens have distinct ranks in random order."""
        tokens, place = np.unique(ids, return_inverse=True)
        ranks = generator.choice(self.vocab_size, size=len(tokens), replace=False) / self.vocab_size
        return np.abs(ranks[place][:, None] - generator.random(self.length))

    def embed(self, step: Step, generator: np.random.Generator) -> Floats:
        """Logits that leave only the chosen token."""
        pi, u = self.order_and_keys()
        p = np.exp(step.logits - step.logits.max())
        below = np.cumsum(p[pi] / p.sum())
        place = np.searchsorted(below, u[(step.start + len(step.output)) % self.length])
        return chosen(int(pi[min(place, len(pi) - 1)]), len(step.logits))


@lru_cache(maxsize=4)
def _order_and_keys(key: int, size: int, length: int) -> tuple[Ints, Floats]:
    words = mersenne.words(key, size - 1 + length)
    pi, u = mersenne.permutation(words, size), mersenne.uniform(words[size - 1 :]).astype(np.float64)
    for array in (pi, u):
        array.setflags(write=False)
    return pi, u
