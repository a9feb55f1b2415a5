"""Findings that Benjamini-Hochberg can make among p-values that cannot be arbitrarily small.

A conformal p-value is never below 1 / (n + 1), n the size of the calibration set. Among m of them a rejection must reach
alpha k / m, k the number of rejections: with many tests, one extreme document alone can never be found, only many together.
Knows nothing about where the p-values come from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def fewest_findings(floors: ArrayLike, alpha: float) -> int | None:
    """The smallest number k > 0 of rejections that Benjamini-Hochberg can make, or None if it cannot make any.

    k rejections need k p-values of at most alpha k / m, so at least k tests whose floors are as small as that.

    Args:
        floors: (m,) the smallest p-value that each test could have given.
        alpha: false discovery rate, in (0, 1).
    """
    values = np.asarray(floors, dtype=np.float64)
    possible = np.flatnonzero(_affordable(_price(values, len(values), alpha)) >= np.arange(1, len(values) + 1))
    return int(possible[0]) + 1 if len(possible) else None


def could_be_found(p_values: ArrayLike, floors: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Whether each test would have been rejected, had its p-value been its floor and the others what they are.

    Where not, the test had no chance, and that it was not rejected says nothing.

    Args:
        p_values: (m,).
        floors: (m,) the smallest p-value that each test could have given.
        alpha: false discovery rate, in (0, 1).
    """
    p, low = np.asarray(p_values, dtype=np.float64), np.asarray(floors, dtype=np.float64)
    price, lowest = _price(p, len(p), alpha), _price(low, len(p), alpha)
    counted, ks = _affordable(price), np.arange(1, len(p) + 1)
    found = price <= max(np.flatnonzero(counted >= ks) + 1, default=0)
    # k rejections that lack just this one: it pays if its floor can afford k, and its own p-value cannot.
    lacking = np.flatnonzero(counted + 1 >= ks) + 1
    last = np.searchsorted(lacking, price, side="left") - 1
    return found | ((last >= 0) & (lacking[np.maximum(last, 0)] >= lowest) if len(lacking) else False)


def findings_needed(floor: float, tests: int, alpha: float) -> int | None:
    """How many rejections at once it takes for a test with this floor to be one; None: more than there are tests."""
    needed = int(_price(np.array([floor]), tests, alpha)[0])
    return needed if needed <= tests else None


def _price(p: Floats, m: int, alpha: float) -> Integers:
    """The smallest k with p m / k <= alpha: how many rejections among m tests it takes for p to be one of them."""
    k = np.maximum(np.ceil(p * m / alpha), 1.0)
    # The division may have rounded across an integer; what counts is the comparison that the adjusted p-values make.
    k = np.where((k > 1) & (p * (m / np.maximum(k - 1, 1)) <= alpha), k - 1, k)
    price: Integers = np.where(p * (m / k) > alpha, k + 1, k).astype(np.int64)
    return price


def _affordable(price: Integers) -> Integers:
    """For k = 1 ... m, the number of tests whose price is at most k."""
    counted: Integers = np.searchsorted(np.sort(price), np.arange(1, len(price) + 1), side="right").astype(np.int64)
    return counted
