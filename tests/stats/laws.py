"""Synthetic language models whose every next-token law is known, and the columns an engine would give for their texts.

A model is a pool of C laws over K tokens; the law of the next token depends on the law and the token before, so that the
tokens of a text depend on one another. Float64 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp
from scipy.stats import binomtest

from llm_audit.scoring.tokens import RENYI_ORDERS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Texts(NamedTuple):
    """(documents, n): which law each token was drawn after, and the token."""

    contexts: Ints
    tokens: Ints


class Columns(NamedTuple):
    """What a model says about texts: (documents, n), renyi (documents, n, J)."""

    logprob: Floats
    entropy: Floats
    varentropy: Floats
    renyi: Floats
    mass_above: Floats
    tie_mass: Floats


@dataclass(frozen=True, eq=False)
class Laws:
    """(C, K) log-probabilities; -inf is allowed."""

    log_p: Floats

    @cached_property
    def p(self) -> Floats:
        p: Floats = np.exp(self.log_p)
        return p

    @cached_property
    def entropy(self) -> Floats:
        entropy: Floats = -(self.p * self._finite_log_p).sum(axis=1)
        return entropy

    @cached_property
    def varentropy(self) -> Floats:
        varentropy: Floats = (self.p * (self._finite_log_p + self.entropy[:, None]) ** 2).sum(axis=1)
        return varentropy

    @cached_property
    def renyi(self) -> Floats:
        return np.column_stack([logsumexp(order * self.log_p, axis=1) for order in RENYI_ORDERS])

    @cached_property
    def ranked(self) -> tuple[Floats, Floats]:
        """(C, K) mass strictly above, mass of the ties."""
        above, tied = np.empty_like(self.p), np.empty_like(self.p)
        for i, row in enumerate(self.p):
            _, value = np.unique(-row, return_inverse=True)
            mass = np.bincount(value, weights=row)
            above[i], tied[i] = (mass.cumsum() - mass)[value], mass[value]
        return above, tied

    @property
    def _finite_log_p(self) -> Floats:
        return np.where(self.p > 0, self.log_p, 0.0)

    def tempered(self, temperature: float) -> Laws:
        return Laws(log_softmax(self.log_p / temperature, axis=1))

    def truncated(self, top_p: float) -> tuple[Laws, Floats]:
        """The laws on the kept sets, and log of the (C,) kept masses."""
        log_kept = np.where(self.ranked[0] < top_p, self.log_p, -np.inf)
        log_mass = logsumexp(log_kept, axis=1)
        return Laws(log_kept - log_mass[:, None]), log_mass

    def mixed(self, other: Laws, share: float) -> Laws:
        """(1 - share) of this and share of the other."""
        with np.errstate(divide="ignore"):
            return Laws(np.log((1 - share) * self.p + share * other.p))

    def write(self, rng: np.random.Generator, documents: int, n: int) -> Texts:
        pool, vocabulary = self.p.shape
        cumulated = self.p.cumsum(axis=1)
        steps = (cumulated / cumulated[:, -1:] + np.arange(pool)[:, None]).ravel()
        contexts, tokens = np.empty((documents, n), np.int64), np.empty((documents, n), np.int64)
        context = rng.integers(pool, size=documents)
        for t in range(n):
            found = np.searchsorted(steps, context + rng.random(documents), side="right") - context * vocabulary
            contexts[:, t], tokens[:, t] = context, np.minimum(found, vocabulary - 1)
            context = (31 * context + 17 * tokens[:, t] + 7) % pool
        return Texts(contexts, tokens)

    def logprob(self, texts: Texts) -> Floats:
        return self.log_p[texts]

    def columns(self, texts: Texts) -> Columns:
        above, tied = self.ranked
        after = texts.contexts
        return Columns(
            self.log_p[texts], self.entropy[after], self.varentropy[after], self.renyi[after], above[texts], tied[texts]
        )


def random_laws(rng: np.random.Generator, pool: int = 96, vocabulary: int = 30) -> Laws:
    """Sharp and flat laws; logits on a grid, so that there are ties."""
    logits = np.round(2 * rng.standard_normal((pool, vocabulary)), 1) * np.exp(0.4 * rng.standard_normal((pool, 1)))
    return Laws(log_softmax(logits, axis=1))


def assert_size(p: Floats, *, exact: bool = False) -> None:
    """P(p <= alpha) is at most alpha at .05, .01 and .001, by a binomial test at .001; exact: not below either."""
    for alpha in (0.05, 0.01, 0.001):
        rejections = int((p <= alpha).sum())
        assert binomtest(rejections, len(p), alpha, alternative="greater").pvalue > 1e-3, (alpha, rejections)
        if exact:
            assert binomtest(rejections, len(p), alpha, alternative="less").pvalue > 1e-3, (alpha, rejections)
