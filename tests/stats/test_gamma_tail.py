"""Gamma tails against closed forms and scipy, and the weighted pair against integrals and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaincc, gammaln, logsumexp
from scipy.stats import gamma

from llm_audit.stats import gamma_tail


@pytest.mark.parametrize(("total", "n"), [(0.5, 1), (3.0, 1), (64.0, 64), (296.27, 64), (5.0, 64), (10_300.0, 10_000)])
def test_one_sum_agrees_with_scipy(total: float, n: int) -> None:
    assert math.exp(gamma_tail.one_sum(total, n)) == pytest.approx(gammaincc(n, total), rel=1e-9)


def test_one_sum_goes_on_where_floats_end() -> None:
    assert gammaincc(10, 2000.0) == 0.0
    assert gamma_tail.one_sum(2000.0, 10) == pytest.approx(-2000 + 9 * math.log(2000) - math.log(math.factorial(9)), abs=0.01)
    assert gamma_tail.one_sum(0.0, 5) == 0.0 and gamma_tail.one_sum(1.0, 0) == -math.inf


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.2, 0.45, 0.9])
@pytest.mark.parametrize("total", [0.1, 1.0, 3.0, 40.0])
def test_one_weighted_pair_has_a_closed_form(weight: float, total: float) -> None:
    a, b = 1 - weight, weight
    exact = (a * math.exp(-total / a) - b * math.exp(-total / b)) / (a - b)
    assert math.exp(gamma_tail.weighted_pair(total, 1, weight)) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("weight", [0.1, 0.2, 0.7])
@pytest.mark.parametrize("total", [40.0, 55.0, 80.0])
def test_a_weighted_pair_is_an_integral(weight: float, total: float) -> None:
    n = 50
    area, _ = quad(
        lambda y: gamma.pdf(y, n) * gammaincc(n, max(0.0, (total - weight * y) / (1 - weight))), 0, 400, limit=500, epsrel=1e-11
    )
    assert math.exp(gamma_tail.weighted_pair(total, n, weight)) == pytest.approx(area, rel=1e-8)


def slow_weighted_pair(total: float, n: int, weight: float) -> float:
    """The same tail as a sum of positive terms, as many as total / w: a Gamma of the larger scale is one of the smaller scale
    whose shape has K more, K negative binomial, so that P = sum_k P(K = k) P(Poisson(total / w) < 2n + k).
    """
    small, large = sorted((weight, 1 - weight))
    x, ratio = total / small, small / large
    decay = -math.log1p(-ratio)
    k = np.arange(int(max(x, n / ratio) + 40 * math.sqrt(n) / ratio + 60 / decay) + 1, dtype=np.float64)
    log_more = gammaln(n + k) - gammaln(n) - gammaln(k + 1) + n * math.log(ratio) - k * decay
    counts = np.arange(2 * n + len(k) - 1, dtype=np.float64)
    log_below = np.logaddexp.accumulate(counts * math.log(x) - gammaln(counts + 1) - x)[2 * n - 1 :]
    return min(0.0, float(logsumexp(log_more + np.minimum(log_below, 0.0))))


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.3, 0.49, 0.499999, 0.8])
@pytest.mark.parametrize("n", [1, 2, 3, 32, 400])
def test_a_weighted_pair_is_the_sum_of_its_slow_oracle(n: int, weight: float) -> None:
    totals = n * np.array([0.001, 0.3, 0.9, 1.0, 1.2, 2.0, 9.0])
    fast = gamma_tail.weighted_pairs(totals, n, weight)
    for total, log_p in zip(totals.tolist(), fast.tolist(), strict=True):
        assert log_p == pytest.approx(slow_weighted_pair(total, n, weight), abs=1e-9, rel=1e-11)
        assert log_p == pytest.approx(gamma_tail.weighted_pair(total, n, weight), abs=1e-12, rel=1e-13)


@pytest.mark.parametrize("n", [1, 50, 10_000])
def test_a_weight_towards_nothing_leaves_one_sum(n: int) -> None:
    """The oracle's terms are 10^8 and more here; the integral has as many nodes as ever."""
    totals = n + math.sqrt(n) * np.array([-0.9, 0.0, 2.0, 8.0])
    mean, one = gamma_tail.weighted_pairs(totals, n, 1e-9), gamma_tail.one_sums(totals, n)
    assert mean == pytest.approx(one, rel=1e-6, abs=1e-7) and np.isfinite(mean).all()


@pytest.mark.slow
def test_small_weights_agree_with_the_oracle_too() -> None:
    for n, total in ((32, 48.0), (200, 160.0), (200, 300.0)):
        slow = slow_weighted_pair(total, n, 1e-4)
        assert gamma_tail.weighted_pair(total, n, 1e-4) == pytest.approx(slow, rel=1e-9)


def test_several_sums_at_once_are_the_sums_one_by_one() -> None:
    totals = np.array([0.0, 1e-300, 3.0, 700.0, 10_000.0, 5e6])
    for n in (0, 1, 7, 700, 10_000):
        assert gamma_tail.one_sums(totals, n).tolist() == pytest.approx(
            [gamma_tail.one_sum(total, n) for total in totals.tolist()], rel=1e-12
        )


def test_the_ends_of_the_weight_are_one_sum_and_equal_weights_two() -> None:
    assert gamma_tail.weighted_pair(70, 50, 0.0) == gamma_tail.one_sum(70, 50) == gamma_tail.weighted_pair(70, 50, 1.0)
    assert gamma_tail.weighted_pair(70, 50, 0.5) == gamma_tail.one_sum(140, 100)


def test_a_moment_matched_gamma_is_too_small_in_the_tail() -> None:
    """What vLLM prints for its two keys; research note: 1.16, 1.6 and 3.7 times at 1e-4, 1e-8 and 1e-16 (weight .1, n 50)."""
    n, variance = 50, 0.9**2 + 0.1**2
    for level, factor in ((1e-4, 1.16), (1e-8, 1.6), (1e-16, 3.7)):
        total = variance * gamma.isf(level, n / variance)
        assert math.exp(gamma_tail.weighted_pair(total, n, 0.1)) / level == pytest.approx(factor, rel=0.05)


def test_simulated_pairs_have_this_tail() -> None:
    rng = np.random.default_rng(1)
    sums = 0.8 * rng.gamma(20, size=200_000) + 0.2 * rng.gamma(20, size=200_000)
    for total in (20.0, 25.0, 30.0):
        p = math.exp(gamma_tail.weighted_pair(total, 20, 0.2))
        assert (sums >= total).mean() == pytest.approx(p, abs=5 * math.sqrt(p / 200_000))
