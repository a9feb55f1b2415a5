"""Sequential evidence that values are too large: online conformal p-values, and a test martingale that bets on small ones.

Knows numbers only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.stats.eprocess import EProcess, mixture

Floats = NDArray[np.float64]

SHARES = np.array([0.03, 0.1, 0.3, 1.0])
"""Shares of the wealth staked in each bet: small ones suit mixtures with few large values, 1 suits values all too large."""

EXPONENTS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
"""Exponents of u in the bets: small ones suit extreme values, large ones values that are slightly high."""


def ranks(values: ArrayLike, honest: ArrayLike, generator: np.random.Generator) -> Floats:
    """(n,) online p-values: the share of all values before it, honest ones included, that each value does not exceed.

    u_i = (#{larger} + U (#{equal} + 1)) / (N + i), U uniform. Null hypothesis: honest and tested values are exchangeable; then
    the u_i are independent and uniform (Vovk, Gammerman and Shafer 2005, theorem 8.1), which ranks against a fixed set are not.

    Args:
        values: (n,) in the order in which they came.
        honest: (N,), N >= 1.
        generator: of the U.
    """
    pool = sorted(np.asarray(honest, dtype=np.float64).tolist())
    if not pool or not np.isfinite(pool).all():
        raise ValueError("online ranks need at least one honest value, and finite ones")
    p_values = []
    for value in np.asarray(values, dtype=np.float64).tolist():
        if not np.isfinite(value):
            raise ValueError("a value is not finite")
        equal = bisect_right(pool, value) - bisect_left(pool, value)
        larger = len(pool) - bisect_right(pool, value)
        p_values.append((larger + generator.random() * (equal + 1)) / (len(pool) + 1))
        insort(pool, value)
    return np.array(p_values, dtype=np.float64)


def wealth(p_values: ArrayLike) -> EProcess:
    """Evidence that p-values are too small: the average over s in `SHARES`, k in `EXPONENTS` of prod (1 - s + s k u^(k - 1)).

    Each factor has mean 1 if u is uniform and less if u is stochastically larger, so this is a test martingale, or less: reject
    at level a once it reaches 1/a, whenever that is. With s = 1 the power martingales of Vovk, Nouretdinov and Gammerman
    (2003); smaller stakes are ours, for mixtures. It bets on small u alone: an endpoint that is closer than honest ones gathers
    no evidence.

    Args:
        p_values: (n,) in (0, 1], n >= 0.
    """
    u = np.asarray(p_values, dtype=np.float64)
    if u.ndim != 1 or not ((u >= 0) & (u <= 1)).all():
        raise ValueError("p-values must be numbers in [0, 1]")
    power = EXPONENTS * np.maximum(u, 1e-12)[:, None] ** (EXPONENTS - 1)
    factors = 1 - SHARES[:, None] + SHARES[:, None] * power[:, None, :]
    return mixture(np.log(factors).reshape(len(u), -1))
