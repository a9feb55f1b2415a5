"""Counts of two nearly tied outcomes and of all others at several places, against probabilities known beforehand.

At place i a draw is the first outcome with probability p_i, the second with q_i, else another; of n_i independent draws A_i and
B_i are the first and the second. Two tests, which see different departures, doubled (Bonferroni):

1. Given m_i = A_i + B_i, A_i is Binomial(m_i, r_i) with r_i = p_i / (p_i + q_i), whatever became of the other outcomes. The
   statistic is sum_i (A_i - m_i r_i)^2. Up to a constant, that is the score of the variance of a random shift of the log-odds,
   of mean 0 and independent over places: the locally most powerful test of such shifts. p by draws from the binomials,
   (1 + b) / (1 + B).
2. The number of other outcomes is a sum of Binomial(n_i, 1 - p_i - q_i), whose exact law is a convolution; one-sided, since
   whoever draws from the likeliest outcomes alone only makes the others rarer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

DRAWS = 9999

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Attributes:
        p_value: of both tests together.
        p_floor: the smallest that it can be.
        statistic: of the first test.
        others: outcomes that are neither.
        expected_others: how many the probabilities lead to expect.
        off, expected_off: root mean square over places of A_i - m_i r_i, and what chance makes of it.
        shift: root mean square of the shifts of the log-odds, by the method of moments; 0 if chance alone does as much.
    """

    p_value: float
    p_floor: float
    statistic: float
    others: int
    expected_others: float
    off: float
    expected_off: float
    shift: float


def compare(
    total: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    p: ArrayLike,
    q: ArrayLike,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Comparison:
    """Both tests of the counts (places,) against the probabilities (places,) of the first and the second outcome.

    Raises:
        ValueError: counts or probabilities that cannot be.
    """
    n, a, b = (np.asarray(counts, dtype=np.int64) for counts in (total, first, second))
    p1, p2 = (np.asarray(probabilities, dtype=np.float64) for probabilities in (p, q))
    if (a < 0).any() or (b < 0).any() or (a + b > n).any() or not (p1 + p2 <= 1 + 1e-9).all() or not (p1 + p2 > 0).all():
        raise ValueError("counts or probabilities that cannot be")
    m, ratio = a + b, p1 / (p1 + p2)
    statistic = float(np.sum((a - m * ratio) ** 2))
    null = np.sum((rng.binomial(m, ratio, size=(draws, len(m))) - m * ratio) ** 2, axis=1)
    ratios = (1 + np.count_nonzero(null >= statistic * (1 - 1e-12))) / (1 + draws)
    rest = np.clip(1 - p1 - p2, 0.0, 1.0)
    others = int(np.sum(n - m))
    floor = 1 / (1 + draws)
    off, by_chance = (float(np.sqrt(squares / max(1, len(m)))) for squares in (statistic, m @ (ratio * (1 - ratio))))
    p_value = min(1.0, 2 * max(floor, min(ratios, upper_tail(others, n, rest))))
    return Comparison(p_value, 2 * floor, statistic, others, float(n @ rest), off, by_chance, _shift(statistic, m, ratio))


def upper_tail(count: int, n: NDArray[np.int64], p: Floats) -> float:
    """Probability that a sum of Binomial(n_i, p_i) is `count` or more."""
    law = np.ones(1)
    for trials, chance in zip(n, p, strict=True):
        law = np.convolve(law, binom.pmf(np.arange(trials + 1), trials, chance))
    return float(min(1.0, law[count:].sum()))


def _shift(statistic: float, m: NDArray[np.int64], ratio: Floats) -> float:
    """E(A - m r)^2 = m v + m (m - 1) v^2 d^2 for a small shift d of the log-odds, v = r (1 - r); solved for the mean of d^2."""
    variance = ratio * (1 - ratio)
    scale = float(np.sum(m * (m - 1.0) * variance**2))
    return float(np.sqrt(max(0.0, statistic - float(m @ variance)) / scale)) if scale else 0.0
