"""Counts of nearly tied outcomes: against all outcomes enumerated, sizes by simulation, and what each test sees."""

from __future__ import annotations

from itertools import product
from math import comb, prod

import numpy as np
import pytest

from llm_audit.stats.border import compare, upper_tail

P, Q = np.array([0.4, 0.3, 0.5]), np.array([0.35, 0.3, 0.4])


def binomial(k: int, n: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


def test_the_first_p_value_is_that_of_all_counts_enumerated() -> None:
    n, first, second = np.array([4, 5, 6]), np.array([4, 1, 5]), np.array([0, 3, 1])
    m, ratio = first + second, P / (P + Q)
    off = float(np.sum((first - m * ratio) ** 2))
    exact = sum(
        prod(binomial(k, int(size), float(r)) for k, size, r in zip(counts, m, ratio, strict=True))
        for counts in product(*(range(size + 1) for size in m))
        if sum((k - size * r) ** 2 for k, size, r in zip(counts, m, ratio, strict=True)) >= off - 1e-9
    )
    found = compare(n, first, second, P, Q, np.random.default_rng(1), 99_999)
    assert found.statistic == pytest.approx(off) and found.p_value == pytest.approx(2 * exact, abs=0.006)
    assert (found.others, found.expected_others) == (1, pytest.approx(4 * 0.25 + 5 * 0.4 + 6 * 0.1))


def test_the_tail_of_the_others_is_that_of_all_counts_enumerated() -> None:
    n, rest = np.array([3, 4, 2]), 1 - P - Q
    for count in range(10):
        exact = sum(
            prod(binomial(k, int(size), float(r)) for k, size, r in zip(counts, n, rest, strict=True))
            for counts in product(*(range(size + 1) for size in n))
            if sum(counts) >= count
        )
        assert upper_tail(count, n, rest) == pytest.approx(exact, abs=1e-12)


def rejected(truth: np.ndarray, p: np.ndarray, q: np.ndarray, runs: int, n: int = 25) -> dict[float, float]:
    """Shares of p-values at or below each level; `truth`: (places, 3) what is drawn from."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(runs):
        counts = rng.multinomial(n, truth)
        found.append(compare(np.full(len(p), n), counts[:, 0], counts[:, 1], p, q, rng, 999).p_value)
    return {alpha: float(np.mean(np.array(found) <= alpha)) for alpha in (0.05, 0.01)}


def places(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    both, gap = rng.uniform(0.3, 0.95, count), rng.uniform(0, 0.5, count)
    p = both / (1 + np.exp(-gap))
    return p, both - p, 1 - both


def test_the_size_holds_also_where_the_tail_is_cut_off() -> None:
    p, q, rest = places(10)
    whole = rejected(np.stack([p, q, rest], axis=1), p, q, 400)
    cut = rejected(np.stack([p / (p + q), q / (p + q), 0 * rest], axis=1), p, q, 400)
    assert whole[0.05] <= 0.085 and whole[0.01] <= 0.03  # 3 standard errors
    assert cut[0.05] <= 0.05  # the second test sees nothing then


def test_a_shift_of_the_ratio_and_another_vocabulary_are_found() -> None:
    p, q, rest = places(12)
    sign = np.where(np.arange(12) % 2, 1.0, -1.0)
    moved = (p + q) / (1 + np.exp(-np.log(p / q) - sign))  # by 1 nat either way
    assert rejected(np.stack([moved, p + q - moved, rest], axis=1), p, q, 100)[0.01] > 0.9
    others = rejected(np.stack([p * 0.6, q * 0.6, 1 - 0.6 * (p + q)], axis=1), p, q, 100)
    assert others[0.01] > 0.9


def test_the_shift_is_estimated() -> None:
    p, q = np.full(400, 0.5), np.full(400, 0.5)
    rng = np.random.default_rng(3)
    shift = rng.choice([-0.5, 0.5], 400)
    first = rng.binomial(100, 1 / (1 + np.exp(-shift)))
    found = compare(np.full(400, 100), first, 100 - first, p, q, rng, 99)
    assert found.shift == pytest.approx(0.5, abs=0.05) and found.p_value == found.p_floor == 0.02
    assert found.off > 2 * found.expected_off == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("total", "first", "second", "p", "q"),
    [(3, 2, 2, 0.5, 0.5), (3, -1, 2, 0.5, 0.5), (3, 1, 1, 0.7, 0.5), (3, 1, 1, 0.0, 0.0), (3, 1, 1, float("nan"), 0.5)],
)
def test_counts_and_probabilities_that_cannot_be_are_refused(total: int, first: int, second: int, p: float, q: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        compare([total], [first], [second], [p], [q], np.random.default_rng(0))
