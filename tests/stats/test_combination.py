"""Combination and multiplicity, against scipy where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import cauchy, combine_pvalues, false_discovery_control, norm

from llm_audit.stats.combination import (
    average_e,
    benjamini_hochberg,
    bonferroni,
    cauchy_statistic,
    e_to_p,
    fisher,
    holm,
    simes,
)
from tests.stats.laws import assert_size

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), atol=1e-12)


def test_benjamini_hochberg_of_nothing_is_nothing() -> None:
    assert len(benjamini_hochberg([])) == 0


def test_benjamini_hochberg_controls_the_false_discovery_rate() -> None:
    rng = np.random.default_rng(0)
    proportions = []
    for _ in range(10_000):
        p = rng.random(20)
        p[:5] /= 200  # five true findings
        rejected = benjamini_hochberg(p) <= 0.1
        proportions.append(rejected[5:].sum() / max(1, rejected.sum()))
    assert np.mean(proportions) <= 0.1
    assert np.mean(proportions) > 0.05  # 0.1 * 15/20 in theory: not merely conservative


def test_holm_by_hand() -> None:
    # .01 * 4; .02 * 3; .03 * 2 = .06 again; .9 * 1
    np.testing.assert_allclose(holm([0.03, 0.9, 0.01, 0.02]), [0.06, 0.9, 0.04, 0.06])
    np.testing.assert_allclose(holm([0.01, 0.011]), [0.02, 0.02])  # .011 * 1 would be below its predecessor
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([0.3]).tolist() == [0.3]
    assert len(holm([])) == 0


@given(P_VALUES)
def test_holm_rejects_what_the_stepwise_rule_rejects(p: list[float]) -> None:
    adjusted = holm(p)
    ranked = sorted(range(len(p)), key=lambda i: p[i])
    for alpha in (0.0, 0.01, 0.05, 0.3, 0.9):
        rejected: set[int] = set()
        for step, i in enumerate(ranked):
            if p[i] * (len(p) - step) > alpha:
                break
            rejected.add(i)
        assert set(np.flatnonzero(adjusted <= alpha).tolist()) == rejected
    assert (adjusted[ranked][1:] >= adjusted[ranked][:-1]).all()
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(np.multiply(p, len(p)), 1)).all()


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_holm_controls_the_chance_of_any_false_rejection(rho: float) -> None:
    rng = np.random.default_rng(8)
    z = np.sqrt(rho) * rng.standard_normal((10_000, 1)) + np.sqrt(1 - rho) * rng.standard_normal((10_000, 6))
    adjusted = np.array([holm(row) for row in norm.sf(z + np.r_[4.0, 4.0, np.zeros(4)])])
    assert_size(adjusted[:, 2:].min(axis=1))
    bonferroni_power = np.mean(norm.sf(z[:, :2] + 4) * 6 <= 0.01)
    assert np.mean(adjusted[:, :2] <= 0.01) > bonferroni_power > 0.5


def test_bonferroni() -> None:
    assert bonferroni([0.02, 0.5]) == 0.04
    assert bonferroni([0.6, 0.7]) == 1
    rng = np.random.default_rng(1)
    common = rng.random((10_000, 1))
    for p in (rng.random((10_000, 4)), np.repeat(common, 4, axis=1)):
        assert np.mean([bonferroni(row) <= 0.05 for row in p]) <= 0.055


def test_cauchy_statistic_of_independent_p_values_is_cauchy() -> None:
    rng = np.random.default_rng(2)
    statistic = cauchy_statistic(rng.random((10_000, 4)))
    for alpha in (0.05, 0.01, 0.001):
        share = np.mean(statistic >= cauchy.isf(alpha))
        assert abs(share - alpha) < 5 * np.sqrt(alpha / 10_000)


def test_one_certain_null_does_not_silence_the_rest() -> None:
    assert cauchy_statistic([1e-6, 1.0]) > cauchy_statistic([0.01, 0.01])


@pytest.mark.parametrize("p", [[], [1.2], [-0.1], [np.nan]])
def test_bad_p_values_are_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="numbers in"):
        bonferroni(p)


def test_simes_by_hand() -> None:
    assert simes([0.3]) == 0.3
    assert simes([0.01, 0.5]) == 0.02
    assert simes([0.5, 0.04, 0.045]) == pytest.approx(3 * 0.045 / 2)
    assert simes([0.001] * 50) == 0.001
    assert simes([1.0] * 5) == 1


@given(P_VALUES)
def test_simes_is_the_smallest_adjusted_p_value_and_at_most_bonferronis(p: list[float]) -> None:
    assert simes(p) == pytest.approx(false_discovery_control(p).min(), abs=1e-12)
    assert simes(p) <= bonferroni(p) + 1e-12


@pytest.mark.parametrize("m", [2, 3, 8, 40])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.99])
def test_simes_keeps_its_size_under_positive_dependence(m: int, rho: float) -> None:
    rng = np.random.default_rng(3)
    common = rng.standard_normal((10_000, 1))
    p = norm.sf(np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal((10_000, m)))
    assert_size(np.array([simes(row) for row in p]))


@pytest.mark.parametrize("m", [2, 5])
def test_simes_of_parts_ranked_in_one_population_keeps_its_size(m: int) -> None:
    """What `detect` does: parts that are alike within a text, each ranked among the same human texts."""
    rng = np.random.default_rng(4)
    merged = []
    for _ in range(10_000):
        human = np.sort(rng.standard_normal(400))
        parts = np.sqrt(0.6) * rng.standard_normal() + np.sqrt(0.4) * rng.standard_normal(m)
        merged.append(simes((1 + 400 - np.searchsorted(human, parts)) / 401))
    assert_size(np.array(merged))


def test_simes_is_off_by_hommels_factor_under_the_worst_dependence() -> None:
    """Of two: below .025 the other is above .05, and from .025 to .05 they are equal, so that Simes finds .075 at .05."""
    first = np.random.default_rng(5).random(10_000)
    second = np.where(first < 0.025, first + 0.05, np.where((first > 0.05) & (first < 0.075), first - 0.05, first))
    share = np.mean([simes(pair) <= 0.05 for pair in zip(first, second, strict=True)])
    assert abs(share - 1.5 * 0.05) < 0.008


def test_a_long_text_can_be_flagged_at_any_level_that_one_part_can() -> None:
    assert simes([1 / 1286] * 50) == 1 / 1286


def test_the_cauchy_statistic_by_hand() -> None:
    assert cauchy_statistic([0.25]) == pytest.approx(1)
    assert cauchy_statistic([0.01, 0.01, 0.01]) == pytest.approx(np.tan(0.49 * np.pi))
    assert cauchy_statistic([0.02, 0.5], [3, 1]) == pytest.approx(0.75 * np.tan(0.48 * np.pi))
    assert cauchy_statistic([1.0, 0.001]) == pytest.approx(0, abs=1e-9)  # clipped to .999


def test_from_an_e_value_to_a_p_value() -> None:
    z = np.random.default_rng(5).standard_normal(10_000)
    assert_size(np.array([e_to_p(log_e) for log_e in 2 * z - 2]))  # the likelihood ratio of N(2, 1) to N(0, 1)
    assert e_to_p(np.log(20)) == pytest.approx(0.05)
    assert e_to_p(-2000.0) == 1
    assert e_to_p(2000.0) == e_to_p(np.inf) == 0


def log_e_values(rng: np.random.Generator, runs: int, m: int, rho: float, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """(runs, m) likelihood ratios of N(2, 1) to N(0, 1), correlated; `shift` (m,) is added to the observations."""
    x = np.sqrt(rho) * rng.standard_normal((runs, 1)) + np.sqrt(1 - rho) * rng.standard_normal((runs, m)) + shift
    return 2 * x - 2


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_the_average_of_dependent_e_values_is_one(rho: float) -> None:
    rng = np.random.default_rng(6)
    log_e = average_e(log_e_values(rng, 10_000, 5, rho, np.zeros(5)))
    assert_size(np.array([e_to_p(one) for one in log_e]))
    assert np.mean(average_e(log_e_values(rng, 500, 5, rho, np.full(5, 4.0))) > np.log(100)) > 0.7


def test_the_average_by_hand() -> None:
    assert average_e(np.log([2.0, 4.0])) == pytest.approx(np.log(3))
    np.testing.assert_allclose(average_e([[2000.0, 2000.0], [-np.inf, 0.0]]), [2000, -np.log(2)])
    assert average_e([np.inf, -np.inf]) == np.inf
    assert average_e([-np.inf, -np.inf]) == -np.inf


def test_fisher_agrees_with_scipy_and_keeps_its_size() -> None:
    rng = np.random.default_rng(11)
    for p in rng.random((20, 8)):
        assert fisher(p) == pytest.approx(float(combine_pvalues(p, "fisher").pvalue))
    # Of ranks among 99, which are uniform on 1/100 .. 1, it is no smaller than of continuous ones.
    found = np.array([fisher(ranks / 100) for ranks in rng.integers(1, 101, (10_000, 8))])
    for alpha in (0.05, 0.01, 0.001):
        assert np.mean(found <= alpha) <= alpha + 3 * (alpha / 10_000) ** 0.5
    assert np.mean(found <= 0.05) > 0.025
    with pytest.raises(ValueError, match="above 0"):
        fisher([0.0, 0.5])
