"""Combination and multiplicity, against scipy where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, cauchy, false_discovery_control, norm

from llm_audit.stats.combination import benjamini_hochberg, bonferroni, cauchy_statistic, merged_p_value

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


def test_merging_by_hand() -> None:
    assert merged_p_value([0.3]) == 0.3
    assert merged_p_value([0.01, 0.5]) == 0.02
    assert merged_p_value([0.001, 0.5, 0.5]) == pytest.approx(2 * 3 * 0.001)
    assert merged_p_value([0.001] * 50) == pytest.approx(2 * np.e * 0.001)
    assert merged_p_value([0.9] * 5) == 1


@pytest.mark.parametrize("m", [2, 3, 8, 40])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.99])
def test_merged_p_values_keep_their_size_under_dependence(m: int, rho: float) -> None:
    rng = np.random.default_rng(3)
    common = rng.standard_normal((10_000, 1))
    p = norm.sf(np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal((10_000, m)))
    merged = np.array([merged_p_value(row) for row in p])
    for alpha in (0.05, 0.01, 0.001):
        assert binomtest(int((merged <= alpha).sum()), len(merged), alpha, alternative="greater").pvalue > 1e-4


def test_a_long_text_can_still_be_flagged() -> None:
    """Bonferroni alone would need p <= .0002 in a part of fifty, below the floor of 1,285 reference texts."""
    assert merged_p_value([1 / 1286] * 50) < 0.01
