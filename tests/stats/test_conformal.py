"""Size under the null, power against an alternative, and the arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, binomtest, kstest

from llm_audit.stats import conformal
from llm_audit.stats.combination import cauchy_statistic

RUNS = 10_000
N = 199  # 1 / (N + 1) = .005: alpha .01 is attainable, and so are ties with the floor


def assert_size(p: NDArray[np.float64], *, exact: bool) -> None:
    """The share of rejections at .05, .01, .001 is within Monte-Carlo error of alpha, or (not exact) not above it."""
    for alpha in (0.05, 0.01, 0.001):
        rejections = int((p <= alpha).sum())
        assert binomtest(rejections, len(p), alpha, alternative="greater").pvalue > 1e-4, (alpha, rejections)
        if exact:
            assert binomtest(rejections, len(p), alpha, alternative="less").pvalue > 1e-4, (alpha, rejections)


def combined_p_value(calibration: ArrayLike, scores: ArrayLike) -> float:
    extreme = conformal.Ranked(np.asarray(calibration)).at_least_as_extreme(scores)
    return float((1 + extreme.sum()) / (len(extreme) + 1))


def correlated(rng: np.random.Generator, n: int, k: int = 4, rho: float = 0.7) -> NDArray[np.float64]:
    common = rng.standard_normal((n, 1))
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal((n, k))


def test_by_hand() -> None:
    assert conformal.p_value([1, 2, 3, 4], 3) == 3 / 5
    assert conformal.p_value([1, 2, 3, 4], 5) == 1 / 5 == conformal.smallest_p_value(4)
    assert conformal.p_value([1, 2, 3, 4], 0) == 1


def test_size_of_the_plain_p_value() -> None:
    rng = np.random.default_rng(1)
    p = np.array([conformal.p_value(sample[1:], sample[0]) for sample in rng.standard_normal((RUNS, 1000))])
    assert_size(p, exact=True)
    assert kstest(p, "uniform").pvalue > 1e-4


def test_ties_make_the_plain_p_value_conservative() -> None:
    rng = np.random.default_rng(2)
    samples = rng.integers(0, 4, (RUNS, N + 1))
    plain = np.array([conformal.p_value(sample[1:], sample[0]) for sample in samples])
    assert_size(plain, exact=False)
    assert plain.mean() > 0.55


@pytest.mark.parametrize("rho", [pytest.param(0.0, marks=pytest.mark.slow), 0.5, pytest.param(0.95, marks=pytest.mark.slow)])
def test_size_of_the_combination_under_dependence(rho: float) -> None:
    rng = np.random.default_rng(3)
    p = np.empty(RUNS)
    for i in range(RUNS):
        sample = correlated(rng, 1000 if i % 5 == 0 else N + 1, rho=rho)
        p[i] = combined_p_value(sample[1:], sample[0])
    assert_size(p, exact=False)
    large = p[::5]  # n = 999: every alpha is on the grid of attainable p-values
    assert kstest(large, "uniform").pvalue > 1e-4


def test_size_of_the_combination_with_heavy_tails_and_ties() -> None:
    rng = np.random.default_rng(4)
    p = []
    for _ in range(RUNS):
        sample = correlated(rng, N + 1)
        sample[:, 0] = np.round(sample[:, 0])
        sample[:, 1] = np.exp(3 * sample[:, 1])
        p.append(combined_p_value(sample[1:], sample[0]))
    assert_size(np.array(p), exact=False)


def test_power_and_direction_of_the_combination() -> None:
    """A shift upwards in one score of four is found, a shift downwards is not: a sign error would swap them."""
    rng = np.random.default_rng(5)
    reference = correlated(rng, 1000)
    up, down = (
        np.mean([combined_p_value(reference, x + np.array([shift, 0, 0, 0])) <= 0.05 for x in correlated(rng, 400)])
        for shift in (2.5, -2.5)
    )
    best_single = np.mean(rng.standard_normal(100_000) + 2.5 > 1.645)
    assert up > 0.6 * best_single  # the price of not knowing which score will move
    assert down < 0.06


def by_definition(
    calibration: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The tested document joins the population; every score becomes a rank, every document's ranks one statistic."""
    pooled = np.vstack([calibration, scores])
    ranks = np.array([[np.sum(pooled[:, j] >= value) for j, value in enumerate(row)] for row in pooled])
    statistics = cauchy_statistic(ranks / len(pooled), weights)
    return np.asarray(statistics[:-1] >= statistics[-1] - 1e-9 * max(1.0, abs(statistics[-1])))


def test_ranks_known_beforehand_give_what_the_definition_gives() -> None:
    rng = np.random.default_rng(9)
    for n in (1, 2, 40, 150):
        reference = np.round(correlated(rng, n), 1)  # with ties
        ranked = conformal.Ranked(reference)
        for scores in (*np.round(correlated(rng, 20), 1), reference[0], reference.max(0) + 1, reference.min(0) - 1):
            weights = rng.integers(1, 17, 4).astype(float)
            np.testing.assert_array_equal(
                ranked.at_least_as_extreme(scores, weights), by_definition(reference, scores, weights)
            )


def test_the_combination_of_one_score_is_its_p_value() -> None:
    rng = np.random.default_rng(6)
    reference = rng.standard_normal(300)
    for score in (-2.0, 0.1, 1.3, 9.0):
        assert combined_p_value(reference[:, None], [score]) == conformal.p_value(reference, score)


def test_the_combination_ignores_the_order_of_documents_and_detectors() -> None:
    rng = np.random.default_rng(7)
    reference, score = correlated(rng, 200), np.array([1.0, 2.0, 0.5, 1.5])
    p = combined_p_value(reference, score)
    assert combined_p_value(reference[::-1], score) == p
    assert combined_p_value(reference[:, ::-1], score[::-1]) == p
    assert combined_p_value(np.exp(reference), np.exp(score)) == p


@given(st.integers(1, 400), st.floats(0.001, 0.2))
def test_realised_rate_is_the_beta_law(n: int, alpha: float) -> None:
    interval = conformal.realised_false_positive_rate(alpha, n)
    k = int(np.floor(alpha * (n + 1) + 1e-9))
    if k == 0:
        assert interval == (0, 0)
    else:
        np.testing.assert_allclose(interval, beta(k, n + 1 - k).interval(0.95), rtol=1e-6)
        assert interval.lower < k / (n + 1) < interval.upper


def test_the_upper_bound_covers_the_true_tail() -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(2000):
        tail = rng.uniform(0.005, 0.3)
        p = conformal.p_value(rng.random(150) < tail, 0.5)
        covered += conformal.upper_p_value(p, 150) >= tail
    assert covered / 2000 > 0.94


def test_the_upper_bound_is_above_p() -> None:
    for n in (1, 10, 999):
        for b in {0, n // 2, n}:
            p = (1 + b) / (n + 1)
            assert conformal.upper_p_value(p, n) >= min(p, 1 - 1e-9)


@pytest.mark.parametrize("calibration", [[], [[1.0]], [np.nan], [np.inf, 1.0]])
def test_bad_calibration_scores_are_refused(calibration: list[float]) -> None:
    with pytest.raises(ValueError, match="calibration scores"):
        conformal.p_value(calibration, 1.0)


def test_bad_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        conformal.p_value([1.0], np.nan)
    with pytest.raises(ValueError, match="expected 2 finite scores"):
        combined_p_value([[1.0, 2.0]], [1.0])
