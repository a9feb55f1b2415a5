"""Lower tail of a sum of distances |u_t - eta_t|, with u_t independent uniforms and eta_t fixed places.

The distances are rounded down to multiples of 1 / STEPS before they are summed, and the law of the rounded sum is exact:
given eta, a distance has density 2 on (0, min(eta, 1 - eta)) and 1 up to max(eta, 1 - eta).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats import lattice_tail

STEPS = 512
"""Steps per unit. A rounding error of 1 / 512 is small beside a distance's standard deviation, about .24."""


def rounded(distances: ArrayLike) -> NDArray[np.int64]:
    """Distances in [0, 1) as whole numbers of steps."""
    return np.floor(np.asarray(distances, dtype=np.float64) * STEPS).astype(np.int64)


def log_tail(total: int, places: ArrayLike) -> float:
    """Log P(the sum of the rounded distances is at most `total`).

    Args:
        total: in steps.
        places: (k,) eta of each term, in [0, 1].
    """
    distinct, counts = np.unique(np.asarray(places, dtype=np.float64), return_counts=True)
    # As an upper tail: of what is left to the largest distance.
    laws = [(_pmf(eta)[::-1], int(count)) for eta, count in zip(distinct, counts, strict=True)]
    return lattice_tail.log_tail(laws, int(counts.sum()) * (STEPS - 1) - total)


def _pmf(eta: float) -> NDArray[np.float64]:
    edges = np.arange(STEPS + 1) / STEPS
    within = np.minimum(edges, min(eta, 1 - eta)) + np.minimum(edges, max(eta, 1 - eta))
    mass: NDArray[np.float64] = np.diff(within)
    return mass
