"""Null distributions (laws) of one score: tail probabilities of a sum of n independent scores, and bets against them.

Each law is a value made of a few numbers, so that a stored result can name it and anybody can compute its p-values again.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats import count_tail, gamma_tail

Floats = NDArray[np.float64]


class Law(ABC):
    """The null law of one score; higher scores are evidence of the mark."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean of one score."""

    @abstractmethod
    def log_tail(self, total: float, n: int) -> float:
        """Log P(the sum of n scores is at least `total`), exact."""

    def log_tails(self, totals: ArrayLike, n: int) -> Floats:
        """`log_tail` of several sums of n scores."""
        return np.array([self.log_tail(float(total), n) for total in np.asarray(totals, dtype=np.float64)])

    @abstractmethod
    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score)."""

    @property
    @abstractmethod
    def tilts(self) -> tuple[float, ...]:
        """The bets: exponents > 0, fixed beforehand, over which e-values are averaged."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Independent rows of scores under the null."""

    def least(self, n: int) -> float:
        """Log of the smallest p-value that n scores can have; -inf where there is no useful bound."""
        return -math.inf

    def increments(self, scores: ArrayLike) -> Floats:
        """Log e of each score for each tilt, log e = tilt * score - log_mgf(tilt): mean of e is 1 under the null.

        Args:
            scores: (n,) in the order in which they became known.

        Returns:
            (n, J).
        """
        mgf = np.array([self.log_mgf(tilt) for tilt in self.tilts])
        log_e: Floats = np.asarray(scores, dtype=np.float64)[:, None] * np.array(self.tilts) - mgf
        return log_e


def whole(total: float) -> int:
    """The smallest integer >= `total`, with a tolerance for rounding errors of sums."""
    return max(0, math.ceil(total - 1e-6))


@dataclass(frozen=True)
class Bernoulli(Law):
    """1 for a green token, with probability `share`, else 0."""

    share: float
    kind: ClassVar[str] = "bernoulli"

    @property
    def mean(self) -> float:
        """Mean of one score: the share."""
        return self.share

    def log_tail(self, total: float, n: int) -> float:
        """Log of a binomial tail, exact."""
        return count_tail.binomial(whole(total), n, self.share)

    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score) = log(1 - p + p e^tilt)."""
        return math.log1p(self.share * math.expm1(tilt))

    @property
    def tilts(self) -> tuple[float, ...]:
        """Likelihood ratios of larger shares, p + (1 - p) f."""
        p = self.share
        shares = (p + (1 - p) * f for f in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8))
        return tuple(math.log(q * (1 - p) / (p * (1 - q))) for q in shares)

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """An array of `shape` of independent Bernoulli variables, each 1 with probability `share`."""
        return (generator.random(shape) < self.share).astype(np.float64)

    def least(self, n: int) -> float:
        """Log of the probability that all n are green."""
        return n * math.log(self.share)


@dataclass(frozen=True)
class Exponential(Law):
    """-log(1 - u) of a uniform u."""

    kind: ClassVar[str] = "exponential"

    @property
    def mean(self) -> float:
        """Mean of one score: 1."""
        return 1.0

    def log_tail(self, total: float, n: int) -> float:
        """Log of the tail of a Gamma(n, 1) sum, exact."""
        return gamma_tail.one_sum(total, n)

    def log_tails(self, totals: ArrayLike, n: int) -> Floats:
        """`log_tail` of several sums at once."""
        return gamma_tail.one_sums(totals, n)

    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score) = -log(1 - tilt)."""
        return -math.log1p(-tilt)

    @property
    def tilts(self) -> tuple[float, ...]:
        """Exponents l of (1 - l) (1 - u)^-l, robust where most tokens had no choice."""
        return (0.05, 0.1, 0.2, 0.3, 0.5)

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Independent rows of standard exponential scores."""
        return generator.standard_exponential(shape)


@dataclass(frozen=True)
class WeightedExponential(Law):
    """(1 - w) A + w B of two independent standard exponentials: vLLM's two keys."""

    weight: float
    kind: ClassVar[str] = "weighted-exponential"

    @property
    def mean(self) -> float:
        """Mean of one score: 1."""
        return 1.0

    def log_tail(self, total: float, n: int) -> float:
        """Log of the tail of (1 - w) A + w B of two Gamma(n, 1) sums, exact."""
        return gamma_tail.weighted_pair(total, n, self.weight)

    def log_tails(self, totals: ArrayLike, n: int) -> Floats:
        """`log_tail` of several sums at once."""
        return gamma_tail.weighted_pairs(totals, n, self.weight)

    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score) = -log(1 - (1 - w) tilt) - log(1 - w tilt)."""
        return -math.log1p(-(1 - self.weight) * tilt) - math.log1p(-self.weight * tilt)

    @property
    def tilts(self) -> tuple[float, ...]:
        """The bets of one exponential score, scaled to the heavier of the two."""
        return tuple(tilt / max(self.weight, 1 - self.weight) for tilt in (0.05, 0.1, 0.2, 0.3, 0.5))

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Rows of scores: two independent exponential draws each, weighted."""
        first = generator.standard_exponential(shape)
        return (1 - self.weight) * first + self.weight * generator.standard_exponential(shape)


@dataclass(frozen=True)
class Urn(Law):
    """1 for a marked token, drawn without replacement from `size` of which `marked` are marked: one fixed list of tokens."""

    size: int
    marked: int
    kind: ClassVar[str] = "urn"

    @property
    def mean(self) -> float:
        """Mean of one score: the share of marked tokens."""
        return self.marked / self.size

    def log_tail(self, total: float, n: int) -> float:
        """Log of a hypergeometric tail, exact."""
        return count_tail.hypergeometric(whole(total), n, self.size, self.marked)

    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score) of one draw; an upper bound per draw of several (Hoeffding 1963)."""
        return math.log1p(self.mean * math.expm1(tilt))

    @property
    def tilts(self) -> tuple[float, ...]:
        """The bets of independent draws with the same mean."""
        return Bernoulli(self.mean).tilts

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Rows of draws without replacement, one after the other by what is left."""
        rows, n = shape
        left, out = np.full(rows, self.marked), np.empty(shape)
        for i in range(n):
            out[:, i] = generator.random(rows) * (self.size - i) < left
            left -= out[:, i].astype(np.int64)
        return out

    def least(self, n: int) -> float:
        """Log of the probability that all n are marked."""
        return self.log_tail(n, n)

    def increments(self, scores: ArrayLike) -> Floats:
        """Log e of each score for each tilt, as for a Bernoulli score with the share of marked tokens left in the urn."""
        s = np.asarray(scores, dtype=np.float64)
        before = np.arange(len(s))
        share = np.clip((self.marked - (np.cumsum(s) - s)) / (self.size - before), 0.0, 1.0)
        tilts = np.array(self.tilts)
        log_e: Floats = s[:, None] * tilts - np.log1p(share[:, None] * np.expm1(tilts))
        return log_e
