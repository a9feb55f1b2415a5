"""Findings that Benjamini-Hochberg can make among p-values that cannot be arbitrarily small, of any number of tests.

A conformal p-value is never below 1 / (n + 1), n the size of the calibration set. Among m of them a rejection must reach
alpha k / m, k the number of rejections: with many tests, one extreme document alone can never be found, only many together.
All that depends on the order of the p-values is computed piece by piece, as they come in this order, in constant memory.
Knows nothing about where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Adjusting:
    """Adjusted p-values q of Benjamini-Hochberg, as `benjamini_hochberg` gives them, from the largest p-value down.

    Args:
        tests: m, how many come in all.
    """

    def __init__(self, tests: int) -> None:
        self._tests = tests
        self._passed = 0  # tests that came
        self._p = np.inf  # the last p-value
        self._larger = 0  # tests with a p-value larger than that
        self._least = 1.0  # adjusted p-value so far

    def __call__(self, p: Floats, counts: Flags) -> Floats:
        """The next ones' (n,) adjusted p-values.

        Args:
            p: (n,) from the largest down, none larger than any before.
            counts: (n,) whether each is a test; else it repeats one, with the same p-value.
        """
        passed = self._passed + np.cumsum(counts)
        new = np.diff(p, prepend=self._p) < 0
        larger = np.maximum.accumulate(np.where(new, passed - counts, self._larger))
        q: Floats = np.minimum.accumulate(np.minimum(p * (self._tests / (self._tests - larger)), self._least))
        self._passed, self._p, self._larger, self._least = int(passed[-1]), p[-1], int(larger[-1]), q[-1]
        return q


class Reaching:
    """Whether each test that Benjamini-Hochberg does not reject would be, had its p-value been its floor and the others as they
    are. Where not, the test had no chance, and that it is not rejected says nothing.

    k rejections that lack just this one: it pays if its floor can afford k, and its own p-value cannot.

    Args:
        tests: m, how many come in all.
        alpha: false discovery rate, in (0, 1).
    """

    def __init__(self, tests: int, alpha: float) -> None:
        self._tests, self._alpha = tests, alpha
        self._passed = 0  # tests that came
        self._price = 1  # of the last one
        self._lacking = 0  # the largest k below that price which lacks one rejection at most; 0: there is none

    def __call__(self, p: Floats, floors: Floats, counts: Flags) -> Flags:
        """Whether each of the next ones would be, (n,).

        Args:
            p: (n,) from the smallest up, none smaller than any before.
            floors: (n,) the smallest p-value that each could have given.
            counts: (n,) whether each is a test; else it repeats one, with the same p-value and floor.
        """
        price, lowest = _price(p, self._tests, self._alpha), _price(floors, self._tests, self._alpha)
        passed = self._passed + np.cumsum(counts)
        before = np.concatenate([[self._price], price[:-1]])
        # From one price to the next as many tests afford k, so that the last k of these that lacks one is known.
        last = np.minimum(np.minimum(price - 1, passed - counts + 1), self._tests)
        lacking = np.maximum.accumulate(np.where((price > before) & (last >= before), last, self._lacking))
        self._passed, self._price, self._lacking = int(passed[-1]), int(price[-1]), int(lacking[-1])
        reached: Flags = lacking >= lowest
        return reached


def fewest_findings(floors: Iterable[tuple[Floats, Integers]], tests: int, alpha: float) -> int | None:
    """The smallest number k > 0 of rejections that Benjamini-Hochberg can make, or None if it cannot make any.

    k rejections need k p-values of at most alpha k / m, so at least k tests whose floors are as small as that.

    Args:
        floors: the smallest p-values that the tests could have given, (n,) from the smallest up, and for how many tests each
            (n,), piece by piece.
        tests: m, how many these are in all.
        alpha: false discovery rate, in (0, 1).
    """
    passed = 0
    for values, counts in floors:
        price, so_far = _price(values, tests, alpha), passed + np.cumsum(counts)
        possible = np.flatnonzero(so_far >= price)
        if len(possible):
            return int(price[possible[0]])
        passed = int(so_far[-1])
    return None


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
