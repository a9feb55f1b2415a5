"""Test of homogeneity: whether outcomes at several places come from the same laws in two samples, whichever laws these are.

Null hypothesis: at each place, the outcomes of both samples are independent draws from one law. Given the outcomes t_ij of both
samples together, the counts b_ij of the second are then a draw of n_i from N_i without replacement: multivariate
hypergeometric, exactly, whatever the law. The statistic is

    S = sum_ij (b_ij - e_ij)^2 / sqrt(e_ij),   e_ij = n_i t_ij / N_i,

a compromise between two statistics. Weighted by one, S is up to a constant the score of the variance of random
shifts of the logits, independent over outcomes: the locally most powerful test of small ones. Divided by e_ij itself it is
chi-square, which sees outcomes become common that were rare, as larger shifts make them. p = (1 + b) / (1 + B) by draws,
whatever S is.

`repetition` tests what the null hypothesis assumes: given how often each outcome came, all orders of independent draws are
equally likely. Order and counts are independent then, so that whoever looks at the one first leaves the law of the other alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from llm_audit.stats.permutation import Outcome, monte_carlo

DRAWS = 9999

Ints = NDArray[np.int64]


def changed(before: Sequence[ArrayLike], after: Sequence[ArrayLike], rng: np.random.Generator, draws: int = DRAWS) -> Outcome:
    """Whether two samples of outcomes at each of several places are of the same laws.

    Args:
        before: for each place (outcomes,) counts of the first sample.
        after: of the second sample, with the same outcomes.
        rng: of the draws.
        draws: their number.

    Raises:
        ValueError: counts that cannot be, or a sample that is empty.
    """
    statistics = np.zeros(1 + draws)
    for together, first, second in _places(before, after):
        size = int(second.sum())
        drawn = np.vstack([second, rng.multivariate_hypergeometric(together, size, size=draws, method="count")])
        expected = size * together / (first.sum() + size)
        statistics += ((drawn - expected) ** 2 / np.sqrt(expected)).sum(axis=1)
    # Equal divisions must stay tied: a difference in the last bit of a sum is not evidence.
    statistics[np.abs(statistics - statistics[0]) <= 1e-9] = statistics[0]
    return monte_carlo(statistics[0], statistics[1:])


def distance(before: Sequence[ArrayLike], after: Sequence[ArrayLike]) -> tuple[float, float]:
    """Mean over places of the total variation between the two samples, in [0, 1]; and what it is on average by chance alone."""
    apart = by_chance = 0.0
    places = _places(before, after)
    for together, first, second in places:
        n, m = int(second.sum()), int(first.sum())
        law = hypergeom(n + m, together[:, None], n)
        counts = np.arange(n + 1)
        differences = np.abs(counts / n - (together[:, None] - counts) / m)
        apart += float(np.abs(second / n - first / m).sum()) / 2 / len(places)
        by_chance += float(np.sum(law.pmf(counts) * differences)) / 2 / len(places)
    return apart, by_chance


def repetition(counts: Sequence[ArrayLike], repeats: int, rng: np.random.Generator, draws: int = DRAWS) -> Outcome:
    """Whether outcomes equal the one before at their place more often than in a random order.

    Args:
        counts: for each place (outcomes,) how often each came.
        repeats: outcomes that equal the one before, over all places.
        rng: of the orders.
        draws: their number.
    """
    null = np.zeros(draws)
    for place in counts:
        times = np.asarray(place, dtype=np.int64)
        orders = rng.permuted(np.tile(np.repeat(np.arange(len(times), dtype=np.int16), times), (draws, 1)), axis=1)
        null += np.count_nonzero(orders[:, 1:] == orders[:, :-1], axis=1)
    return monte_carlo(repeats, null)


def _places(before: Sequence[ArrayLike], after: Sequence[ArrayLike]) -> list[tuple[Ints, Ints, Ints]]:
    """For each place the counts of both samples together, of the first and of the second."""
    places = []
    for old, new in zip(before, after, strict=True):
        first, second = np.asarray(old, dtype=np.int64), np.asarray(new, dtype=np.int64)
        negative = min(first.min(initial=0), second.min(initial=0)) < 0
        if first.shape != second.shape or negative or not first.any() or not second.any():
            raise ValueError("counts that cannot be")
        seen = first + second > 0
        places.append(((first + second)[seen], first[seen], second[seen]))
    return places
