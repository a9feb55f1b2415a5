"""Null laws of scores that are whole numbers of steps: weighted bits, and uniforms of few values."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats import lattice_tail
from llm_audit.stats.laws import Floats, Law, whole

STANDARD_TILTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.2)
"""Default tilts, in units of one over the standard deviation of a score."""


class Lattice(Law):
    """A score that is a whole number of steps, given by its probabilities."""

    @property
    @abstractmethod
    def pmf(self) -> Floats:
        """Probabilities of 0, 1, 2, .. steps."""

    @property
    @abstractmethod
    def step(self) -> float:
        """Score of one step."""

    @property
    def mean(self) -> float:
        """Mean of one score."""
        return float(self.pmf @ np.arange(len(self.pmf))) * self.step

    def log_tail(self, total: float, n: int) -> float:
        """Log P(the sum of n scores is at least `total`), by a Fourier transform of the exponentially tilted law."""
        return lattice_tail.log_tail([(self.pmf, n)], whole(total / self.step))

    def log_tails(self, totals: ArrayLike, n: int) -> Floats:
        """`log_tail` of several sums, by one transform for all but the small probabilities."""
        places = [whole(total / self.step) for total in np.asarray(totals, dtype=np.float64)]
        return lattice_tail.log_tails(self.pmf, n, places)

    def log_mgf(self, tilt: float) -> float:
        """Log E exp(tilt * score), summed over the points of the law."""
        return float(np.log(self.pmf @ np.exp(tilt * self.step * np.arange(len(self.pmf)))))

    @property
    def tilts(self) -> tuple[float, ...]:
        """The bets: `STANDARD_TILTS`, each divided by the standard deviation of a score."""
        places = np.arange(len(self.pmf)) * self.step
        deviation = math.sqrt(float(self.pmf @ (places - self.mean) ** 2))
        return tuple(tilt / deviation for tilt in STANDARD_TILTS)

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Independent rows of scores, drawn by inversion of the distribution function."""
        below = np.cumsum(self.pmf)
        return np.minimum(np.searchsorted(below, generator.random(shape), side="right"), len(below) - 1) * self.step

    def least(self, n: int) -> float:
        """Log of the smallest p-value: the probability that each of n scores is the largest that is possible."""
        return n * math.log(self.pmf[-1])


@dataclass(frozen=True)
class WeightedBits(Lattice):
    """Weighted mean of `depth` independent bits, each 1 with probability `share`: the layers of SynthID-Text.

    The weights fall linearly from 10 to 1, as in the reference, and sum to `depth` before the division by `depth`.
    """

    depth: int
    share: float
    kind: ClassVar[str] = "weighted-bits"

    @property
    def weights(self) -> NDArray[np.int64]:
        """(depth,) whole numbers proportional to the weights."""
        return 10 * max(self.depth - 1, 1) - 9 * np.arange(self.depth, dtype=np.int64)

    @property
    def pmf(self) -> Floats:
        """Probabilities of each sum of the whole weights: 0, 1, .., their total."""
        return _bits_pmf(self.depth, self.share)

    @property
    def step(self) -> float:
        """Score of one step: one over the sum of the whole weights."""
        return 1.0 / int(self.weights.sum())


@lru_cache(maxsize=64)
def _bits_pmf(depth: int, share: float) -> Floats:
    weights = WeightedBits(depth, share).weights
    pmf = np.zeros(int(weights.sum()) + 1)
    pmf[0] = 1.0
    for weight in weights:
        moved = np.zeros_like(pmf)
        moved[weight:] = pmf[: len(pmf) - weight]
        pmf = (1 - share) * pmf + share * moved
    pmf.setflags(write=False)
    return pmf


@dataclass(frozen=True)
class CoarseExponential(Lattice):
    """-log(1 - j / values) of a uniform j in 0 .. values - 1, rounded down to multiples of 1 / 256.

    For generators with few values: their law is not exponential. The score tested is the rounded one, whose law is exact.
    """

    values: int
    kind: ClassVar[str] = "coarse-exponential"

    @property
    def pmf(self) -> Floats:
        """Probabilities of each rounded score, by counting the values of j that give it."""
        return _coarse_pmf(self.values)

    @property
    def step(self) -> float:
        """Score of one step: 1 / 256."""
        return 2.0**-8

    def score(self, j: ArrayLike) -> Floats:
        """The score of each j."""
        return np.floor(-np.log1p(-np.asarray(j) / self.values) / self.step) * self.step


@lru_cache(maxsize=4)
def _coarse_pmf(values: int) -> Floats:
    law = CoarseExponential(values)
    steps = np.rint(law.score(np.arange(values)) / law.step).astype(np.int64)
    pmf: Floats = np.bincount(steps) / values
    pmf.setflags(write=False)
    return pmf
