"""Two samples of counts: against all divisions and orders enumerated, sizes by simulation, and what is seen."""

from __future__ import annotations

from itertools import pairwise, permutations, product
from math import comb, prod

import numpy as np
import pytest

from llm_audit.stats.homogeneity import changed, distance, repetition

BEFORE, AFTER = [[3, 1, 0], [2, 2, 1]], [[0, 2, 1], [1, 1, 1]]


def divisions(old: list[int], new: list[int]) -> list[tuple[float, float, float]]:
    """Chance, statistic and total variation of every way in which the second sample could have been drawn from both."""
    together = [a + b for a, b in zip(old, new, strict=True)]
    n, size = sum(new), sum(together)
    found = []
    for drawn in product(*(range(count + 1) for count in together)):
        if sum(drawn) == n:
            chance = prod(comb(a, b) for a, b in zip(together, drawn, strict=True)) / comb(size, n)
            pairs = [(a, b) for a, b in zip(together, drawn, strict=True) if a]
            statistic = sum((b - n * a / size) ** 2 / (n * a / size) ** 0.5 for a, b in pairs)
            found.append((chance, statistic, sum(abs(b / n - (a - b) / (size - n)) for a, b in pairs) / 2))
    return found


def test_the_p_value_and_the_distance_by_chance_are_those_of_all_divisions_enumerated() -> None:
    first, second = (divisions(old, new) for old, new in zip(BEFORE, AFTER, strict=True))
    found = changed(BEFORE, AFTER, np.random.default_rng(1), 49_999)
    exact = sum(p * q for (p, a, _), (q, b, _) in product(first, second) if a + b >= found.statistic - 1e-9)
    assert found.p_value == pytest.approx(exact, abs=0.008)
    apart, by_chance = distance(BEFORE, AFTER)
    assert apart == pytest.approx((0.75 + 2 / 15) / 2)
    assert by_chance == pytest.approx(sum(p * v for law in (first, second) for p, _, v in law) / 2)


def test_the_p_value_of_repetition_is_that_of_all_orders_enumerated() -> None:
    orders = list(permutations("aaabbc"))
    repeats = [sum(one == other for one, other in pairwise(order)) for order in orders]
    for observed in range(4):
        found = repetition([[3, 2, 1]], observed, np.random.default_rng(2), 19_999)
        assert found.p_value == pytest.approx(np.mean(np.array(repeats) >= observed), abs=0.015)


LAW = np.array([0.4, 0.3, 0.2, 0.05, 0.05])


def rejected(other: np.ndarray, runs: int, places: int = 8) -> dict[float, float]:
    """Shares of p-values at or below each level; `other`: what the second sample is drawn from."""
    rng = np.random.default_rng(9)
    found = [
        changed(rng.multinomial(50, LAW, places), rng.multinomial(50, other, places), rng, 999).p_value for _ in range(runs)
    ]
    return {alpha: float(np.mean(np.array(found) <= alpha)) for alpha in (0.05, 0.01, 0.001)}


@pytest.mark.parametrize("runs", [400, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_the_size_holds(runs: int) -> None:
    assert all(share <= alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5 for alpha, share in rejected(LAW, runs).items())


def test_a_shift_of_the_odds_is_found_and_the_more_the_larger_it_is() -> None:
    mild, strong = (rejected(np.array([0.4 - by, 0.3 + by, 0.2, 0.05, 0.05]), 100)[0.01] for by in (0.08, 0.2))
    assert mild < strong and strong > 0.95


def test_an_outcome_that_was_rare_and_is_common_is_found() -> None:
    assert rejected(np.array([0.3, 0.25, 0.12, 0.05, 0.28]), 100)[0.01] > 0.9


@pytest.mark.parametrize(("before", "after"), [([1, 2], [1]), ([-1, 2], [1, 0]), ([0, 0], [1, 0]), ([], [])])
def test_counts_that_cannot_be_are_refused(before: list[int], after: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        changed([before], [after], np.random.default_rng(0))
