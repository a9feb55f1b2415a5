"""Randomisation tests: the null distribution is known from a shuffle, draw or coin toss; nothing is assumed about a model.

Null hypothesis of every function here: what was observed (an order, a canary, the published version of an item, a label) is
exchangeable with the alternatives that chance could have chosen instead, because the model has seen none of them. Higher
statistics are stronger evidence against it; every p-value is one-sided and at least as large as chance makes it:
P(p <= a) <= a for every a. The one exception is `sharded_t`, which says so.

Sources: Phipson & Smyth, "Permutation p-values should never be zero" (2010); Hemerik & Goeman, "Exact testing with random
permutations" (TEST 2018). The tests are those of Oren et al. (arXiv 2310.17623; order), Wei et al. (2402.10892; canary),
STAMP (2504.13416; versions, with an exact test in place of its t-test) and Maini et al. (2406.06443; two samples, likewise).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import chain, combinations, count
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr
from scipy.stats import rankdata

from llm_audit.stats import conformal
from llm_audit.stats._validate import level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = 1 << 20
"""Approximate numbers in memory at a time: draws are computed in portions, so that memory does not grow with their count."""

QUANTILES = 999
"""Number of quantiles that represent a null distribution that is computed rather than drawn."""


class Outcome(NamedTuple):
    """Observed statistic of a test, and its distribution under the null hypothesis.

    Attributes:
        statistic: as observed; higher is stronger evidence against the null.
        p_value: (1 + exceeding) / (1 + draws), except in `rank_sum`.
        p_floor: the smallest p-value that could have come out.
        draws: rearrangements that the observed one was compared with. Where all were enumerated: all others, so that the
            formula of the p-value is the same and counts the observed one once.
        exceeding: how many of them have a statistic at least as large; ties count against the finding.
        null: (draws,) their statistics, in random order, so that the first ones represent them all; for `rank_sum`,
            `QUANTILES` quantiles of the statistic's null distribution.
    """

    statistic: float
    p_value: float
    p_floor: float
    draws: int
    exceeding: int
    null: Floats


def monte_carlo(observed: float, null: ArrayLike) -> Outcome:
    """Rank of one statistic among B draws: p = (1 + #{null >= observed}) / (1 + B).

    Null: the 1 + B statistics are exchangeable. Then p is exact for every B, and B limits only how small it can get.

    Args:
        observed: the statistic of what happened.
        null: (B,) the statistic of what could have happened, B >= 1.

    Raises:
        ValueError: no draws, or a number that is not finite (a NaN would count in favour of the finding).
    """
    drawn = np.asarray(null, dtype=np.float64)
    p, floor = conformal.p_value(drawn, observed), conformal.smallest_p_value(len(drawn))
    return Outcome(float(observed), p, floor, len(drawn), int(np.count_nonzero(drawn >= observed)), drawn)


def rank_sum(exceeding: Sequence[int], draws: Sequence[int]) -> Outcome:
    """One p-value for k independent rank tests, such as one per canary or per identifier.

    Null: test i's count of draws at least as large as the observation is uniform on 0..m_i (larger where draws tie), and the
    k tests share no draws. The statistic is 1 - sum w_i c_i / sum w_i m_i, with c_i = `exceeding`, m_i = `draws`: the share
    of its draws that the observation beats, averaged over the tests; 1/2 is chance. The weights w_i = max m / m_i, rounded,
    make tests with fewer draws count about as much. For equal m they are 1 and the sum is plain.

    p = P(sum w_i C_i <= sum w_i c_i) for independent uniform C_i, by convolution. Since the weights are whole numbers fixed
    by the m_i, it is exact for unequal m too. Float64 without cancellation in the tail: measured against rational arithmetic
    within 1e-10 of its own size, for p from 1e-264 to 1 and up to 1,000 tests. For k = 1 it is `monte_carlo`'s p.

    Args:
        exceeding: (k,) 0..m_i, k >= 1.
        draws: (k,) at least 1 each.

    Returns:
        `p_floor` is the product of 1 / (m_i + 1), at least the smallest normal float64, as is p; `draws` and `exceeding`
        are totals over the tests.

    Raises:
        ValueError: no tests, or a count outside 0..m_i.
    """
    counts, sizes = np.asarray(exceeding, dtype=np.int64), np.asarray(draws, dtype=np.int64)
    if counts.shape != sizes.shape or counts.ndim != 1 or len(counts) == 0:
        raise ValueError("there must be as many counts as numbers of draws, and at least one")
    if not ((sizes >= 1) & (counts >= 0) & (counts <= sizes)).all():
        raise ValueError("each test needs at least one draw, and cannot have more exceeding draws than draws")
    weights = np.rint(sizes.max() / sizes).astype(np.int64)
    observed, largest = int(weights @ counts), int(weights @ sizes)
    law = _distribution(sizes, weights)
    floor = max(1 / math.prod(size + 1 for size in sizes.tolist()), float(np.finfo(np.float64).tiny))
    quantiles = np.searchsorted(law, (np.arange(QUANTILES) + 0.5) / QUANTILES)
    return Outcome(
        statistic=1 - observed / largest,
        p_value=float(np.clip(law[observed], floor, 1.0)),
        p_floor=floor,
        draws=int(sizes.sum()),
        exceeding=int(counts.sum()),
        null=1 - np.minimum(quantiles, largest) / largest,
    )


def _distribution(sizes: Ints, weights: Ints) -> Floats:
    """P(sum w_i C_i <= s) for s = 0..sum w_i m_i and independent C_i, uniform on 0..m_i.

    Each step sums a window of m_i + 1 entries, w_i apart, as a difference of two running sums. The entries grow with s, so
    the window holds the largest terms of the running sum and nothing cancels. Scaling by powers of two rather than by
    m_i + 1 keeps the counts whole, so that 1 of 100 is .01 and not the float above it.
    """
    length, scale = int(weights @ sizes) + 1, 1.0
    below = np.ones(length)
    for size, weight in zip(sizes.tolist(), weights.tolist(), strict=True):
        running = np.pad(below, (0, -length % weight)).reshape(-1, weight).cumsum(axis=0).ravel()[:length]
        left_behind = weight * (size + 1)
        running[left_behind:] -= running[:-left_behind].copy()
        scale, exponent = math.frexp(scale * (size + 1))
        below = np.ldexp(running, -exponent)
    return below / scale


def versions(
    scores: ArrayLike,
    generator: np.random.Generator,
    draws: int = 9999,
    groups: Sequence[Hashable] | None = None,
) -> Outcome:
    """Whether the published version of each item scores above the private versions of the same item.

    Null: which of an item's 1 + K versions was published was drawn uniformly, independently of the other items (groups), and
    the model has seen none. The statistic is the mean over items of the published score minus the mean of the item's other
    scores. With K = 1 this is the sign-flip test. STAMP compares by a paired t-test, which is approximate; this is exact.

    Enumerates all (1 + K)^G choices if they are at most `draws` + 1; otherwise draws at random.

    Args:
        scores: (n, 1 + K), higher = more member-like; column 0 is the published version.
        generator: of the draws.
        draws: how many, at least 1.
        groups: (n,) items of one group were published by one draw and switch together, so their columns must be in the same
            order; G is the number of groups. Without: every item on its own, G = n.

    Raises:
        ValueError: no items, no private versions, a score that is not finite, or not one group per item.
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or len(x) == 0 or x.shape[1] < 2 or not np.isfinite(x).all():
        raise ValueError("scores must be finite, one row per item: the published version and at least one private version")
    if groups is not None and len(groups) != len(x):
        raise ValueError(f"expected {len(x)} groups, one per item, got {len(groups)}")
    n, k = x.shape
    difference = x - x[:, :1]  # so that equal versions give exactly 0
    effects = (k * difference - difference.sum(axis=1, keepdims=True)) / (k - 1) / n
    rounding = 1e-12 * np.abs(effects).max(axis=1).sum()  # bounds that of any sum of them
    if groups is not None:
        number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        items, effects = effects, np.zeros((len(number), k))
        np.add.at(effects, [number[group] for group in groups], items)
    if k ** min(len(effects), 64) <= draws + 1:
        null = np.zeros(1)
        for effect in effects:
            null = np.add.outer(null, effect).ravel()
        null = generator.permutation(null[1:])  # the first is the observed choice
    else:
        start = k * np.arange(len(effects))
        null = _portions(
            draws, len(effects), lambda size: effects.take(start + generator.integers(k, size=(size, len(start)))).sum(axis=1)
        )
    observed = float(effects[:, 0].sum())
    # Choices with equal statistics must stay tied: a difference in the last bit of a sum is not evidence.
    null[np.abs(null - observed) <= rounding] = observed
    return monte_carlo(observed, null)


def two_sample(values: ArrayLike, labels: ArrayLike, generator: np.random.Generator, draws: int = 9999) -> Outcome:
    """Whether units of label 1 have higher values than units of label 0.

    Null: the labels are exchangeable over the n units, which must therefore be independent: average the texts of a document
    first. The statistic is the AUROC, ties counted half. Maini et al. compare by Student's t.

    Enumerates all choices of the units of label 1 if they are at most `draws` + 1; otherwise draws at random.

    Args:
        values: (n,), finite.
        labels: (n,) 0 and 1, or bool; both occur.
        generator: of the draws.
        draws: how many, at least 1.
    """
    x, label = np.asarray(values, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.ndim != 1 or x.shape != label.shape or not np.isfinite(x).all():
        raise ValueError("values must be finite, one per label")
    if set(label.tolist()) != {0.0, 1.0}:
        raise ValueError("labels must be 0 and 1, and both must occur")
    n, ones = len(x), int(label.sum())
    ranks = np.rint(2 * rankdata(x)).astype(np.int64)[np.argsort(-label, kind="stable")]  # doubled: whole; label 1 first
    ways = math.comb(n, ones)
    if ways <= draws + 1:
        chosen = np.fromiter(chain.from_iterable(combinations(range(n), ones)), np.int64, ways * ones).reshape(ways, ones)
        sums = generator.permutation(ranks[chosen].sum(axis=1)[1:])  # the first is the observed choice
    else:
        sums = _portions(draws, n, lambda size: generator.permuted(np.tile(ranks, (size, 1)), axis=1)[:, :ones].sum(axis=1))
    smallest, pairs = ones * (ones + 1), 2 * ones * (n - ones)
    return monte_carlo((ranks[:ones].sum() - smallest) / pairs, (sums - smallest) / pairs)


def sharded_t(canonical: ArrayLike, permuted: ArrayLike) -> tuple[float, int, float]:
    """Whether the canonical order of the shards' rows is likelier than shuffled orders: Oren et al.'s sharded test.

    Null: within each shard, all orders are equally likely. s_k = canonical_k - mean_j permuted_kj, t = mean(s) / sd(s)
    sqrt(r), sd with r - 1, compared with Student's t with r - 1 degrees of freedom. Their code divides by r, which inflates t
    by sqrt(r / (r - 1)).

    Approximate: it rests on the central limit theorem over shards. Measured size at .05, .01 and .001 of 10 shards with 19
    shuffles each, 20,000 runs: normal log-probabilities .051, .010, .001; exponential ones, skewed to the left, .128, .058,
    .018, and of 50 such shards .083, .029, .007. The exact counterpart is `rank_sum` of the shards' ranks.

    Args:
        canonical: (r,) log-probability of each shard in canonical order, r >= 2.
        permuted: (r, m) the same for m shuffled orders, m >= 1.

    Returns:
        t, degrees of freedom, one-sided p. Where s does not vary there is nothing to measure it by: t = 0, p = 1.
    """
    x, shuffled = np.asarray(canonical, dtype=np.float64), np.asarray(permuted, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or shuffled.ndim != 2 or len(shuffled) != len(x) or shuffled.shape[1] == 0:
        raise ValueError("expected at least two shards, and for each at least one shuffled order")
    if not (np.isfinite(x).all() and np.isfinite(shuffled).all()):
        raise ValueError("log-probabilities must be finite")
    s, df = x - shuffled.mean(axis=1), len(x) - 1
    sd = float(s.std(ddof=1))
    if sd <= 1e-12 * max(float(np.abs(x).max()), float(np.abs(shuffled).max())):  # rounding of equal s
        return 0.0, df, 1.0
    t = float(s.mean()) / sd * math.sqrt(len(s))
    return t, df, float(stdtr(df, -t))


def standardised(outcome: Outcome) -> float:
    """(statistic - mean of the null) / sd of the null: an effect in null standard deviations; 0 if the null does not vary."""
    if np.ptp(outcome.null) == 0:
        return 0.0
    return float((outcome.statistic - outcome.null.mean()) / outcome.null.std())


def draws_needed(alpha: float) -> int:
    """The smallest B with 1 / (B + 1) <= alpha."""
    return _smallest_n(alpha, lambda b: b + 1, start=int(1 / level(alpha)) - 2)


def rows_needed(alpha: float) -> int:
    """The smallest n with 1 / n! <= alpha: the fewest rows whose order can give a finding."""
    return _smallest_n(alpha, math.factorial)


def pairs_needed(alpha: float, versions: int = 2) -> int:
    """The smallest n with versions^-n <= alpha: independent items, each with so many versions, one of them published."""
    if versions < 2:
        raise ValueError(f"an item needs at least two versions, got {versions}")
    return _smallest_n(alpha, lambda n: versions**n)


def bootstrap_mean(
    values: ArrayLike, generator: np.random.Generator, resamples: int = 2000, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of n independent units.

    Too short for few units: simulated coverage of nominal .95 with 5, 10, 20 and 50 normal units: .84, .90, .93 and .94.

    Args:
        values: (n,), n >= 2; average the texts of a document first.
        generator: of the resamples.
        resamples: how many.
        confidence: nominal coverage.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError("an interval needs at least two finite values")
    means = _portions(resamples, len(x), lambda size: x[generator.integers(len(x), size=(size, len(x)))].mean(axis=1))
    lower, upper = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(lower), float(upper)


def _portions(draws: int, width: int, drawn: Callable[[int], NDArray[np.generic]]) -> Floats:
    """`draws` statistics, `CELLS` numbers at a time; drawn(size) makes `size` of them from `width` numbers each."""
    size = max(1, CELLS // width)
    return np.concatenate([drawn(min(size, draws - done)) for done in range(0, draws, size)]).astype(np.float64)


def _smallest_n(alpha: float, ways: Callable[[int], int], start: int = 1) -> int:
    """The smallest n >= start with 1 / ways(n) <= alpha, in floats as p-values are: 1/100 <= .01 and 1/3 <= 1/3."""
    return next(n for n in count(max(1, start)) if 1 / ways(n) <= level(alpha))
