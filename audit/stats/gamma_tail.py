"""Log tail probabilities of sums of n standard exponential scores: one sum, or a weighted pair of independent ones."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp


def one_sum(total: float, n: int) -> float:
    """Log P(Gamma(n, 1) >= total), as log of the Poisson sum e^-total sum_{k<n} total^k / k!.

    Args:
        total: the sum of the scores.
        n: number of scores, at least 0; without scores the sum is 0.
    """
    if total <= 0:
        return 0.0
    if n == 0:
        return -math.inf
    k = np.arange(n, dtype=np.float64)
    return min(0.0, float(logsumexp(k * math.log(total) - gammaln(k + 1) - total)))


def weighted_pair(total: float, n: int, weight: float) -> float:
    """Log P((1 - w) A + w B >= total), A and B independent Gamma(n, 1).

    A moment-matched Gamma is too light in the tail (exact over approximate at p = 1e-8, w = .1, n = 50: 1.6). Exact: a Gamma
    of the larger scale is one of the smaller scale whose shape has K more, K negative binomial, so that with b the smaller of
    w and 1 - w, P = sum_k P(K = k) P(Poisson(total / b) < 2n + k). All terms are positive; nothing cancels.

    Args:
        total: the weighted sum of the scores.
        n: scores in each sum.
        weight: w, in [0, 1].
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"a weight lies between 0 and 1, not {weight}")
    if weight in (0, 1):
        return one_sum(total, n)
    if total <= 0:
        return 0.0
    if n == 0:
        return -math.inf
    small, large = sorted((weight, 1 - weight))
    x, ratio = total / small, small / large
    if ratio == 1:
        return one_sum(x, 2 * n)
    decay = -math.log1p(-ratio)
    centre = max(x, n / ratio)
    last = int(centre + 40 * math.sqrt(n) / ratio + 60 / decay) + 1
    k = np.arange(last, dtype=np.float64)
    log_more = gammaln(n + k) - gammaln(n) - gammaln(k + 1) + n * math.log(ratio) - k * decay
    counts = np.arange(2 * n + last - 1, dtype=np.float64)
    log_below = np.logaddexp.accumulate(counts * math.log(x) - gammaln(counts + 1) - x)[2 * n - 1 :]
    return min(0.0, float(logsumexp(log_more + np.minimum(log_below, 0.0))))
