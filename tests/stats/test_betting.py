"""The closed form against an integral, its level at any stop, and how long it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from llm_audit.stats import betting
from tests.stats.laws import assert_size

RUNS, N = 10_000, 100


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_against_the_integral(q: float) -> None:
    flags = np.random.default_rng(0).random(12) < 0.6
    path = betting.wealth(flags, q)
    for n in range(1, 13):
        k = int(flags[:n].sum())
        mean = quad(lambda p, k=k, n=n: (p / q) ** k * ((1 - p) / (1 - q)) ** (n - k), q, 1)[0] / (1 - q)
        assert path[n - 1] == pytest.approx(math.log(mean), abs=1e-9)


@pytest.mark.parametrize("q", [0.05, 0.5])
def test_mean_one_at_the_boundary_and_less_below(q: float) -> None:
    """E over all outcomes of 10 requests."""
    for rate, largest in ((q, 1.0), (q / 2, 0.999)):
        mean = sum(
            math.comb(10, k) * rate**k * (1 - rate) ** (10 - k) * math.exp(betting.wealth([1] * k + [0] * (10 - k), q)[-1])
            for k in range(11)
        )
        assert mean == pytest.approx(1) if rate == q else mean < largest


@pytest.mark.parametrize("q", [0.02, 0.5])
def test_level_at_any_stop(q: float) -> None:
    """10,000 endpoints of 100 requests, looked at after each."""
    flags = np.random.default_rng(1).random((RUNS, N)) < q
    p = np.array([math.exp(-max(0.0, betting.wealth(row, q).max())) for row in flags])
    assert_size(p)
    assert np.mean(p <= 0.05) > 0.01


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("q", [0.02, 0.5])
def test_level_of_a_long_audit_exactly(q: float, alpha: float) -> None:
    assert alpha / 5 < betting.stopping(q, alpha, q, most=1000).stopped[-1] <= alpha


@pytest.mark.parametrize(("rate", "q"), [(0.7, 0.5), (0.9, 0.5), (0.1, 0.02), (0.5, 0.5)])
def test_stopping_times_against_simulation(rate: float, q: float) -> None:
    said = betting.stopping(rate, 0.01, q, most=N)
    flags = np.random.default_rng(2).random((2000, N)) < rate
    won = np.array([betting.wealth(row, q) >= math.log(100) for row in flags])
    by = np.maximum.accumulate(won, axis=1).mean(axis=0)
    np.testing.assert_allclose(said.stopped, by, atol=4 * 0.5 / math.sqrt(2000))
    assert said.expected == pytest.approx(1 + (1 - by[:-1]).sum(), abs=3)
    requests = said.requests(0.5)
    if requests is None:
        assert rate == q
    else:
        assert said.stopped[requests - 1] >= 0.5 > said.stopped[requests - 2]


def test_certain_flags() -> None:
    """With q = 1/2, n flags of n give (2^(n+1) - 1) / (n + 1)."""
    np.testing.assert_allclose(np.exp(betting.wealth([1] * 10)), [(2 ** (n + 1) - 1) / (n + 1) for n in range(1, 11)])
    assert betting.stopping(1.0, 0.01).requests(1.0) == 9
    assert betting.stopping(1.0, 0.01).expected == pytest.approx(9)


def test_long_runs_stay_numbers() -> None:
    path = betting.wealth([0] * 5000 + [1] * 5000)
    assert not np.isnan(path).any()
    assert len(betting.wealth([])) == 0
    assert betting.wealth([1] * 5000)[-1] == pytest.approx(5001 * math.log(2) - math.log(5001))


def test_what_is_no_flag_and_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="flags"):
        betting.wealth([0.5])
    with pytest.raises(ValueError, match="q must"):
        betting.wealth([1], 1.0)
    with pytest.raises(ValueError, match="alpha must"):
        betting.stopping(0.5, 0.0)
