"""Uniform under the null whatever the dependence, exact tests of uniformity, and the Anderson-Darling law."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, kstest

from llm_audit.stats import pit
from tests.stats.laws import Laws, assert_size, random_laws

RUNS, N, EPSILON = 10_000, 40, 0.1
TESTS = [pit.fisher, pit.kolmogorov_smirnov, pit.anderson_darling]
Test = Callable[[NDArray[np.float64]], float]


def transform(laws: Laws, writer: Laws, runs: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    text = laws.columns(writer.write(rng, runs, N))
    return pit.randomised(text.mass_above, text.tie_mass, rng)


def test_exactly_uniform_and_independent_under_the_null() -> None:
    laws = random_laws(np.random.default_rng(0))
    assert len(np.unique(laws.p[0])) < laws.p.shape[1]  # there are ties
    u = transform(laws, laws, RUNS, 1)
    assert kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(u[:, :-1].ravel(), u[:, 1:].ravel())[0, 1]) < 3.3 / np.sqrt(u[:, 1:].size)


@pytest.mark.parametrize("test", TESTS)
def test_size(test: Test) -> None:
    laws = random_laws(np.random.default_rng(2))
    p = np.array([test(row) for row in transform(laws, laws, RUNS, 3)])
    assert_size(p, exact=True)
    assert kstest(p, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("test", TESTS)
def test_power(test: Test) -> None:
    laws = random_laws(np.random.default_rng(4))
    for temperature in (0.4, 2.0):
        p = np.array([test(row) for row in transform(laws, laws.tempered(temperature), 500, 5)])
        assert np.mean(p < 0.01) > 0.5


def test_large_means_surprising() -> None:
    laws = random_laws(np.random.default_rng(6))
    assert transform(laws, laws.tempered(0.5), 100, 7).mean() < 0.45
    assert transform(laws, laws.tempered(2.0), 100, 8).mean() > 0.55


@pytest.mark.parametrize("share", [0, EPSILON / 2, EPSILON])
def test_size_under_contamination(share: float) -> None:
    laws, rng = random_laws(np.random.default_rng(9)), np.random.default_rng(10)
    kept, _ = laws.truncated(0.8)
    text = kept.columns(kept.mixed(laws, share).write(rng, RUNS, N))
    outside = np.isneginf(text.logprob)
    assert outside.any() == (share > 0)
    u = pit.contaminated(text.mass_above, text.tie_mass, outside, rng)
    assert kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert kstest(u[~outside], "uniform").pvalue > 1e-3  # exact inside for every share
    assert_size(np.array([pit.fisher(row) for row in u]), exact=True)
    assert_size(np.array([pit.outside(int(row.sum()), N, EPSILON) for row in outside]))


def test_power_under_contamination() -> None:
    laws, rng = random_laws(np.random.default_rng(11)), np.random.default_rng(12)
    kept, _ = laws.truncated(0.8)
    text = kept.columns(laws.write(rng, 300, 2 * N))  # nothing truncated at all
    assert np.mean([pit.outside(int(row.sum()), 2 * N, 0.01) < 0.01 for row in np.isneginf(text.logprob)]) > 0.9
    text = kept.columns(kept.tempered(0.4).mixed(laws, EPSILON).write(rng, 300, 2 * N))
    u = pit.contaminated(text.mass_above, text.tie_mass, np.isneginf(text.logprob), rng)
    assert np.mean([pit.fisher(row) < 0.01 for row in u]) > 0.5


def test_leaving_the_outside_tokens_out_would_not_be_exact() -> None:
    """After an unsurprising first token the second often falls outside: n = 1 and n = 2 then see different first tokens."""
    rng = np.random.default_rng(13)
    u, inside = rng.random((100_000, 2)), np.ones((100_000, 2), np.bool_)
    inside[:, 1] = (u[:, 0] > 0.02) | (rng.random(100_000) < 0.1)
    both, first = inside[:, 1], ~inside[:, 1]
    dropped = np.array([pit.fisher(row) for row in u[both][:8_000]] + [pit.fisher(row[:1]) for row in u[first]])
    weights = np.r_[np.full(8_000, both.mean() / 8_000), np.full(first.sum(), first.mean() / first.sum())]
    assert weights[dropped <= 0.05].sum() > 0.06
    replaced = pit.contaminated(u, np.full_like(u, 1e-12), ~inside, rng)
    assert_size(np.array([pit.fisher(row) for row in replaced[:RUNS]]), exact=True)


def test_outside_by_hand() -> None:
    assert pit.outside(0, 50, 0.01) == 1
    assert pit.outside(3, 50, 0.01) == pytest.approx(1 - binom.cdf(2, 50, 0.01))


def test_only_an_impossible_token_gives_one() -> None:
    u = pit.randomised(
        np.array([1.0, 1.0, 0.5], np.float32), np.array([1e-12, 0.0, 0.6], np.float32), np.random.default_rng(14)
    )
    assert u[0] < 1  # merely improbable: its mass above rounds to 1
    assert u[1] == 1
    assert 0.5 <= u[2] <= 1
    for test in TESTS:
        assert test(u[[0, 2]]) > 0
    assert pit.fisher(u) == pit.anderson_darling(u) == 0
    assert pit.anderson_darling([0.0, 0.5]) == 0


def test_kolmogorov_smirnov_agrees_with_scipy() -> None:
    for n in (1, 7, 200):
        u = np.random.default_rng(n).beta(1.3, 1, n)
        assert pit.kolmogorov_smirnov(u) == pytest.approx(kstest(u, "uniform", method="exact").pvalue, rel=1e-9)


def test_fisher_is_two_sided_and_by_hand() -> None:
    u = 1 - np.exp(-np.array([1.0, 2.0, 3.0]))
    upper = np.exp(-6) * (1 + 6 + 18)  # P(Gamma(3) >= 6)
    assert pit.fisher(u) == pytest.approx(2 * upper)
    assert pit.fisher(np.full(40, 0.01)) < 1e-9 > pit.fisher(np.full(40, 0.99))


@pytest.mark.parametrize(("statistic", "alpha"), [(1.933, 0.1), (2.492, 0.05), (3.070, 0.025), (3.878, 0.01)])
def test_published_critical_values_of_anderson_darling(statistic: float, alpha: float) -> None:
    """Stephens (1974), case 0."""
    assert 1 - pit._limiting_law(statistic) == pytest.approx(alpha, rel=0.01)


@pytest.mark.parametrize("n", [8, 80])
def test_anderson_darling_against_simulation(n: int) -> None:
    p = np.array([pit.anderson_darling(row) for row in np.random.default_rng(n).random((10_000, n))])
    assert_size(p, exact=True)
    assert kstest(p, "uniform").pvalue > 1e-3


def test_the_correction_for_few_numbers() -> None:
    """At n = 5 it is up to .008, and leaves .002 of the simulated law's difference from the limit."""
    u, odd = np.sort(np.random.default_rng(15).random((400_000, 5)), axis=1), 2 * np.arange(1, 6) - 1
    statistics = -5 - (odd * (np.log(u) + np.log1p(-u[:, ::-1]))).mean(axis=1)
    for share in (0.1, 0.2, 0.3, 0.5, 0.8, 0.95, 0.99):
        limit = pit._limiting_law(np.quantile(statistics, share))
        assert limit + pit._finite_n_correction(5, limit) == pytest.approx(share, abs=0.002)


def test_anderson_darling_of_one_number() -> None:
    """A^2 then rises with |u - 1/2|, so that p = 2u exactly, up to the third digit that the formula promises."""
    for u in (0.005, 0.02, 0.05, 0.1):
        assert pit.anderson_darling([u]) == pytest.approx(2 * u, abs=0.002)
        assert pit.anderson_darling([1 - u]) == pytest.approx(2 * u, abs=0.002)


def test_far_tail_of_anderson_darling() -> None:
    """Where the fitted polynomials fall below the truth: 1.38e-5 at 10, 4.47e-10 at 20 (the exact series, integrated)."""
    assert 1 - pit._limiting_law(10) < 0.7e-5
    for statistic, truth in ((10, 1.3815e-5), (20, 4.4651e-10)):
        assert math.sqrt(3) * math.erfc(math.sqrt(statistic)) == pytest.approx(truth, rel=0.04)
    u = np.linspace(0, 1, 102)[1:-1] ** 1.9
    a2 = -100 - ((2 * np.arange(1, 101) - 1) * (np.log(u) + np.log1p(-u[::-1]))).mean()
    assert a2 > 9
    assert pit.anderson_darling(u) >= math.sqrt(3) * math.erfc(math.sqrt(a2))


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("u", [[], [1.1], [-0.1], [np.nan]])
def test_bad_numbers_are_refused(test: Test, u: list[float]) -> None:
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        test(np.array(u))
