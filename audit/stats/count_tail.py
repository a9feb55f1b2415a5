"""Log upper tail probabilities of binomial and hypergeometric counts, exact even where the p-value underflows.

Sums of point probabilities, never a normal approximation and never a mid-p, whose size exceeds its level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlog1py, xlogy

Floats = NDArray[np.float64]


def binomial(successes: int, trials: int, share: float) -> float:
    """Log P(at least `successes` of `trials` independent trials succeed), each with probability `share`.

    Args:
        successes: 0 .. trials.
        trials: at least 0.
        share: in [0, 1].
    """
    _check(successes, trials)
    if successes == 0:
        return 0.0
    k = np.arange(successes, trials + 1, dtype=np.float64)
    return min(0.0, float(logsumexp(_ways(trials, k) + xlogy(k, share) + xlog1py(trials - k, -share))))


def hypergeometric(successes: int, drawn: int, size: int, marked: int) -> float:
    """Log P(at least `successes` marked among `drawn`, taken without replacement from `size` of which `marked` are marked).

    Args:
        successes: 0 .. drawn.
        drawn: 0 .. size.
        size: of the urn.
        marked: 0 .. size.
    """
    _check(successes, drawn)
    if not (drawn <= size and 0 <= marked <= size):
        raise ValueError(f"from an urn of {size} with {marked} marked, {drawn} cannot be drawn")
    least, most = max(0, drawn - (size - marked)), min(drawn, marked)
    if successes <= least:
        return 0.0
    if successes > most:
        return -np.inf
    k = np.arange(successes, most + 1, dtype=np.float64)
    terms = _ways(marked, k) + _ways(size - marked, drawn - k) - _ways(size, np.asarray(float(drawn)))
    return min(0.0, float(logsumexp(terms)))


def _ways(n: int, k: Floats) -> Floats:
    """Log of n choose k."""
    ways: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return ways


def _check(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"of {trials} trials, {successes} cannot succeed")
