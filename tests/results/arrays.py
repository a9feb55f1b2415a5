"""A family judged in plain arrays, all of it in memory: what the judgement in constant memory is compared with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.results import Discovery
from llm_audit.stats.combination import benjamini_hochberg

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Arrays(NamedTuple):
    """Everything about a family. Arrays are (documents,)."""

    q_value: Floats  # NaN where a document was no test
    possible: NDArray[np.bool_]
    first: NDArray[np.bool_]
    discovery: Discovery


def judge(p_values: Floats, floors: Floats, texts: NDArray[np.uint64], alpha: float) -> Arrays:
    """Benjamini-Hochberg over the first document of each text."""
    tested = np.flatnonzero(np.isfinite(p_values))
    _, first, which = np.unique(texts[tested], return_index=True, return_inverse=True)
    p, floor = p_values[tested][first], floors[tested][first]
    q, possible = benjamini_hochberg(p), could_be_found(p, floor, alpha)
    found = Arrays(
        np.full(len(p_values), np.nan),
        np.zeros(len(p_values), np.bool_),
        np.zeros(len(p_values), np.bool_),
        Discovery(
            alpha=alpha,
            tests=len(p),
            found=int(np.count_nonzero(q <= alpha)),
            floor=float(floor.min()) if len(p) else None,
            at_floor=int(np.count_nonzero(p <= floor * (1 + 1e-9))),
            possible=int(np.count_nonzero(possible)),
            fewest=fewest_findings(floor, alpha),
            low=int(np.count_nonzero(p <= alpha)),
            low_by_chance=alpha * len(p),
            histogram=tuple(int(count) for count in np.histogram(p, bins=20, range=(0.0, 1.0))[0]),
        ),
    )
    found.q_value[tested], found.possible[tested] = q[which], possible[which]
    found.first[tested[first]] = True
    return found


def could_be_found(p: Floats, floors: Floats, alpha: float) -> NDArray[np.bool_]:
    """Whether each test would be rejected with its floor in the place of its p-value, (m,)."""
    price, lowest = prices(p, alpha), prices(floors, alpha)
    counted, ks = affordable(price), np.arange(1, len(p) + 1)
    found = price <= max(np.flatnonzero(counted >= ks) + 1, default=0)
    lacking = np.flatnonzero(counted + 1 >= ks) + 1
    last = np.searchsorted(lacking, price, side="left") - 1
    return found | ((last >= 0) & (lacking[np.maximum(last, 0)] >= lowest) if len(lacking) else False)


def fewest_findings(floors: Floats, alpha: float) -> int | None:
    """The smallest k > 0 for which k floors are at most alpha k / m."""
    possible = np.flatnonzero(affordable(prices(floors, alpha)) >= np.arange(1, len(floors) + 1))
    return int(possible[0]) + 1 if len(possible) else None


def prices(p: Floats, alpha: float) -> Integers:
    """The smallest k with p (m / k) <= alpha, tried one after the other from just below the quotient."""
    m, found = len(p), []
    for one in p.tolist():
        k = max(1, int(one * m / alpha) - 2)
        while one * (m / k) > alpha:
            k += 1
        found.append(k)
    return np.array(found, np.int64)


def affordable(price: Integers) -> Integers:
    """For k = 1 ... m, the tests whose price is at most k."""
    return np.array([np.count_nonzero(price <= k) for k in range(1, len(price) + 1)], np.int64)
