"""Log tail probabilities of sums of n standard exponential scores: one sum, or a weighted pair of independent ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainccinv, gammaincinv, gammaln, logsumexp

Floats = NDArray[np.float64]

CELLS = 1 << 20
"""Terms in memory at a time."""

LEFT_OUT = 1e-25
"""Share of a sum's distribution on either side that an integral over it leaves out."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def one_sum(total: float, n: int) -> float:
    """Log P(Gamma(n, 1) >= total).

    Args:
        total: the sum of the scores.
        n: number of scores, at least 0; without scores the sum is 0.
    """
    return float(one_sums([total], n)[0])


def one_sums(totals: ArrayLike, n: int) -> Floats:
    """`one_sum` of several totals, (m,): each the log of the Poisson sum e^-total sum_{k<n} total^k / k!."""
    y = np.asarray(totals, dtype=np.float64)
    out = np.zeros(len(y))
    above = np.flatnonzero(y > 0)
    if n == 0:
        out[above] = -math.inf
        return out
    if len(above) == 0:
        return out
    # d terms below the largest one, k, a term is at most e^(-d^2 / 2k) of it.
    largest = min(n - 1, float(y[above].min()))
    k = np.arange(max(0, int(largest - 10 * math.sqrt(largest)) - 1), n, dtype=np.float64)
    log_factorials = gammaln(k + 1)
    for rows in np.array_split(above, -(-len(above) * len(k) // CELLS)):
        of_rows = y[rows, None]
        out[rows] = np.minimum(logsumexp(k * np.log(of_rows) - log_factorials - of_rows, axis=1), 0.0)
    return out


def weighted_pair(total: float, n: int, weight: float) -> float:
    """Log P((1 - w) A + w B >= total), A and B independent Gamma(n, 1).

    A moment-matched Gamma is too light in the tail (exact over approximate at p = 1e-8, w = .1, n = 50: 1.6).

    Args:
        total: the weighted sum of the scores.
        n: scores in each sum.
        weight: w, in [0, 1].
    """
    return float(weighted_pairs([total], n, weight)[0])


def weighted_pairs(totals: ArrayLike, n: int, weight: float) -> Floats:
    """`weighted_pair` of several totals, (m,): an integral over the sum B of the smaller weight, to some 1e-12 of p.

    The integrand, the density of B times the tail of A, is smooth and has one peak. It is integrated by 64 Gauss-Legendre
    nodes over the bulk of B once its distribution is tilted so that the whole sum has the mean `total` (Chernoff: outside, no
    more of the tail is left out than a few times `LEFT_OUT`). Beyond total / w the tail of A is 1, and B has a closed form.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"a weight lies between 0 and 1, not {weight}")
    y, (small, large) = np.asarray(totals, dtype=np.float64), sorted((weight, 1 - weight))
    if small == 0:
        return one_sums(y, n)
    if small == large:
        return one_sums(y / small, 2 * n)
    out = np.zeros(len(y))
    above = y > 0
    if n == 0:
        out[above] = -math.inf
    elif above.any():
        out[above] = _integrated(y[above], n, small, large)
    return out


def _integrated(y: Floats, n: int, small: float, large: float) -> Floats:
    """The logarithms of the integrals for totals above 0; n at least 1."""
    scale = 1 / (1 - small * _tilt(y / n, small, large))
    last = y / small
    low, high = gammaincinv(n, LEFT_OUT) * scale, gammainccinv(n, LEFT_OUT) * scale
    half = np.maximum(np.minimum(high, last) - low, 0.0)[:, None] / 2
    b = low[:, None] + half * (_NODES + 1)
    log_a = one_sums(((y[:, None] - small * b) / large).ravel(), n).reshape(b.shape)
    with np.errstate(divide="ignore"):
        log_pieces = (n - 1) * np.log(b) - b - gammaln(n) + log_a + np.log(_WEIGHTS * half)
    inside = logsumexp(log_pieces, axis=1)
    out: Floats = np.minimum(np.logaddexp(inside, one_sums(last, n)), 0.0)
    return out


def _tilt(mean: Floats, small: float, large: float) -> Floats:
    """The s >= 0 at which exp(s ((1 - w) A + w B)) tilts a pair of standard exponentials to this mean; 0 below a mean of 1.

    It is the smaller root of large / (1 - large s) + small / (1 - small s) = mean.
    """
    product, share = small * large, 1 / np.maximum(mean, 1.0)
    middle = 1 - 2 * product * share
    smaller: Floats = 2 * (1 - share) / (middle + np.sqrt(middle**2 - 4 * product * (1 - share)))
    return smaller
