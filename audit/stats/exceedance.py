"""Exceedance tests: whether too many of n values lie beyond N null values, and the share of substituted requests that implies.

Null hypothesis: the n values of the endpoint and the N honest values are exchangeable: requests of one kind, allotted to the
two at random, each with its own prompt (for honest repeats of the *same* prompts use `permutation.versions`). The threshold is
the largest honest value. No distribution is assumed and none estimated.

Why extremes: if one request can tell a substitute, a share e of substituted requests shows after about 1/e requests, whereas a
test of means needs about 1/e^2.

Sources: Rosenbaum, "Tables for a nonparametric test of location" (Ann. Math. Statist. 1954); exceedance tests in Balakrishnan &
Ng, "Precedence-Type Tests and Applications" (2006). The interval and the planner are ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betaincc
from scipy.stats import binom, hypergeom

from llm_audit.stats._validate import level
from llm_audit.stats.beta import quantile
from llm_audit.stats.conformal import Interval


class Exceedance(NamedTuple):
    """Result of the test for values beyond all null values.

    Attributes:
        above: how many of the n values exceed the threshold strictly; a tie counts as honest.
        threshold: the largest honest value.
        p_value: P(at least so many by chance).
        p_floor: the smallest p-value that could have come out: all n above.
    """

    above: int
    threshold: float
    p_value: float
    p_floor: float


def exceedance(values: ArrayLike, honest: ArrayLike) -> Exceedance:
    """Whether too many of the endpoint's values exceed the largest honest one.

    Args:
        values: (n,) of the endpoint, higher = more unlike the reference, n >= 1; +inf allowed (impossible under the reference).
        honest: (N,) finite, N >= 1.
    """
    x, reference = np.asarray(values, dtype=np.float64), np.asarray(honest, dtype=np.float64)
    if x.ndim != 1 or len(x) == 0 or not (x > -np.inf).all():
        raise ValueError("values must be numbers above -inf, at least one")
    if reference.ndim != 1 or not np.isfinite(reference).all():
        raise ValueError("honest values must be finite")
    n, size = _sizes(len(x), len(reference))
    threshold = float(reference.max())
    above = int(np.count_nonzero(x > threshold))
    return Exceedance(above, threshold, tail(above, n, size), tail(n, n, size))


def tail(above: int, n: int, honest: int) -> float:
    """P(at least `above` of n values exceed the largest of N honest ones), all n + N exchangeable.

    They do if and only if the `above` largest values are none of the honest: C(n, above) / C(n + N, above). Computed in whole
    numbers: 1 of 1 beyond 99 is .01.

    Returns:
        At least the smallest normal float64.
    """
    n, honest = _sizes(n, honest)
    if not 0 <= above <= n:
        raise ValueError(f"of {n} values, {above} cannot lie above")
    return max(math.comb(n, above) / math.comb(n + honest, above), float(np.finfo(np.float64).tiny))


def rate_interval(above: int, n: int, honest: int, confidence: float = 0.95) -> Interval:
    """The share e of the endpoint's requests that were substituted and thereby moved above the threshold.

    Model: n independent requests; with probability e one is moved above; otherwise it is at most as likely above as an honest
    one, whose probability f is unknown but for the N honest values: f ~ Beta(1, N) over such samples.
    Substitution that leaves a request below is not counted: the share of substituted requests is e / sensitivity.

    Lower end: the smallest e that the exact test accepts at (1 - confidence) / 2, where its law is that of a binomial number
    of moved requests plus the exceedances among the others. So it is above 0 if and only if `tail` is at most that level.
    Upper end: Clopper-Pearson's for the share above, as every moved request is above. Coverage is at least `confidence`,
    honest values being drawn anew each time. Ours; tighter than bounding f and the share above separately.

    Args:
        above: requests above the threshold.
        n: requests.
        honest: N.
        confidence: of both ends together.
    """
    n, honest = _sizes(n, honest)
    level = (1 - confidence) / 2
    upper = 1.0 if above == n else quantile(above + 1, n - above, 1 - level)
    moved = np.arange(above)
    others = hypergeom.sf(above - moved - 1, n - moved + honest, n - moved, above - moved)

    def excess(share: float) -> float:
        return float(binom.pmf(moved, n, share) @ others + binom.sf(above - 1, n, share)) - level

    if excess(0.0) >= 0:
        return Interval(0.0, upper)
    return Interval(max(0.0, float(brentq(excess, 0.0, above / n, xtol=1e-9)) - 1e-9), upper)


def needed_above(n: int, honest: int, alpha: float) -> int | None:
    """The fewest of n values that must lie above for p <= alpha; None: not even all of them suffice."""
    if tail(n, n, honest) > level(alpha):
        return None
    low, high = 0, n  # p at `low` is 1, above alpha
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tail(middle, n, honest) <= alpha else (middle, high)
    return high


def requests_needed(rate: float, honest: int, alpha: float, wanted: float = 0.9, most: int = 10_000) -> int | None:
    """The fewest requests with which the power is at least `wanted`; None: not with `most`, so more honest values are needed.

    Where an honest sample of that size has a share `rate` above its threshold more often than alpha, no number of requests
    suffices: N > log(1/alpha) / rate, about. Power, of which P(enough substituted requests lie above) is a lower bound, is not
    quite monotone in the number of requests, because the count needed is whole: this is the first number that reaches it.

    Args:
        rate: share of substituted requests times the probability that one of them exceeds all honest values (the sensitivity,
            which falls as `honest` grows), in (0, 1]. Honest requests above the threshold would help; they are left out.
        honest: N.
        alpha: level.
        wanted: power, at least 1/2.
        most: largest number of requests that is tried.
    """
    if betaincc(1, honest, rate) > level(alpha):
        return None
    needed = 1
    for n in range(1, most + 1):
        while needed <= n and tail(needed, n, honest) > alpha:  # the count needed never falls as n grows
            needed += 1
        if needed <= n and binom.sf(needed - 1, n, rate) >= wanted:
            return n
    return None


def _sizes(n: int, honest: int) -> tuple[int, int]:
    if n < 1 or honest < 1:
        raise ValueError("there must be at least one value and one honest one")
    return n, honest
