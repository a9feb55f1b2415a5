"""Benjamini-Hochberg for p-values with a floor, over any number of tests, and the findings that are possible at all.

A conformal p-value is never below 1 / (n + 1), n the size of the calibration set. Among m of them a rejection must reach
alpha k / m, k the number of rejections: with many tests, one extreme document alone can never be found, only many together.
The p-values come sorted and in pieces, and are processed in constant memory. Knows nothing about their origin.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Adjusting:
    """Adjusted p-values q as `benjamini_hochberg` gives them, computed in pieces from the largest p-value down.

    Args:
        tests: m, the number of all tests.
    """

    def __init__(self, tests: int) -> None:
        self._tests = tests
        self._passed = 0  # tests that came
        self._p = np.inf  # the last p-value
        self._larger = 0  # tests with a p-value larger than that
        self._least = 1.0  # adjusted p-value so far

    def __call__(self, p: Floats, counts: Flags) -> Floats:
        """(n,) adjusted p-values of the next piece.

        Args:
            p: (n,) descending, none larger than in earlier pieces.
            counts: (n,) flags: 1 for a test, 0 for a repeat of one, with the same p-value.
        """
        passed = self._passed + np.cumsum(counts)
        new = np.diff(p, prepend=self._p) < 0
        larger = np.maximum.accumulate(np.where(new, passed - counts, self._larger))
        q: Floats = np.minimum.accumulate(np.minimum(p * (self._tests / (self._tests - larger)), self._least))
        self._passed, self._p, self._larger, self._least = int(passed[-1]), p[-1], int(larger[-1]), q[-1]
        return q


class Reaching:
    """Whether Benjamini-Hochberg would reject each test if its p-value were its floor and the others were as they are. If
    not, the test had no chance of rejection, and not rejecting it says nothing.

    It would if, for some k, the floor is at most alpha k / m and k - 1 of the other p-values are as well.

    Args:
        tests: m, the number of all tests.
        alpha: false discovery rate, in (0, 1).
    """

    def __init__(self, tests: int, alpha: float) -> None:
        self._tests, self._alpha = tests, alpha
        self._passed = 0  # tests that came
        self._price = 1  # of the last one
        self._lacking = 0  # the largest k below that price which lacks one rejection at most; 0: there is none

    def __call__(self, p: Floats, floors: Floats, counts: Flags) -> Flags:
        """(n,) flags of the next piece: whether each test would be rejected at its floor.

        Args:
            p: (n,) ascending, none smaller than in earlier pieces.
            floors: (n,) the smallest p-value that each test could have given.
            counts: (n,) flags: 1 for a test, 0 for a repeat of one, with the same p-value and floor.
        """
        price, lowest = _price(p, self._tests, self._alpha), _price(floors, self._tests, self._alpha)
        passed = self._passed + np.cumsum(counts)
        before = np.concatenate([[self._price], price[:-1]])
        # Between two prices the number of tests that can afford k is constant, so the largest k that lacks one is known.
        last = np.minimum(np.minimum(price - 1, passed - counts + 1), self._tests)
        lacking = np.maximum.accumulate(np.where((price > before) & (last >= before), last, self._lacking))
        self._passed, self._price, self._lacking = int(passed[-1]), int(price[-1]), int(lacking[-1])
        reached: Flags = lacking >= lowest
        return reached


def fewest_findings(floors: Iterable[tuple[Floats, Integers]], tests: int, alpha: float) -> int | None:
    """The smallest number k > 0 of rejections that Benjamini-Hochberg can make, or None if it cannot make any.

    k rejections need k p-values of at most alpha k / m, so at least k tests whose floors are as small as that.

    Args:
        floors: pieces of two arrays: (n,) floors, ascending, and the (n,) numbers of tests that have them.
        tests: m, the number of all tests.
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
    """Number of simultaneous rejections needed for a test with this floor to be rejected; None: more than there are tests."""
    needed = int(_price(np.array([floor]), tests, alpha)[0])
    return needed if needed <= tests else None


def _price(p: Floats, m: int, alpha: float) -> Integers:
    """(n,) the smallest k with p m / k <= alpha: the number of rejections among m tests needed for p to be one of them."""
    k = np.maximum(np.ceil(p * m / alpha), 1.0)
    # The division may have rounded across an integer; what counts is the comparison that the adjusted p-values make.
    k = np.where((k > 1) & (p * (m / np.maximum(k - 1, 1)) <= alpha), k - 1, k)
    price: Integers = np.where(p * (m / k) > alpha, k + 1, k).astype(np.int64)
    return price
