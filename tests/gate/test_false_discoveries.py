"""The false discovery rate of a gate by simulation: runs whose texts share one calibration set, and one with a baseline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.results.discovery import judge, rows_of
from llm_audit.stats.combination import benjamini_hochberg

RUNS = 10_000
POPULATION = 2389  # texts of the population that ships, at the lengths of most texts
ALPHAS = (0.05, 0.01, 0.001)

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


def conformal(calibration: Floats, scores: Floats) -> Floats:
    """Rank p-values of many scores against one calibration set, ties impossible."""
    above = len(calibration) - np.searchsorted(np.sort(calibration), scores)
    found: Floats = (1 + above) / (len(calibration) + 1)
    return found


def machine(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(3.5, 1.0, n)


def proportions(runs: int, human: int, machines: int, seed: int) -> dict[float, tuple[float, float, float]]:
    """Alpha -> mean share of mistakes among the findings, its standard error, mean share of machine texts found."""
    rng = np.random.default_rng(seed)
    shares: dict[float, list[tuple[float, float]]] = {alpha: [] for alpha in ALPHAS}
    for _ in range(runs):
        scores = np.concatenate([rng.normal(size=human), machine(rng, machines)])
        q = benjamini_hochberg(conformal(rng.normal(size=POPULATION), scores))
        for alpha in ALPHAS:
            found = q <= alpha
            mistakes = np.count_nonzero(found[:human])
            shares[alpha].append((mistakes / max(1, np.count_nonzero(found)), found[human:].mean() if machines else 0.0))
    told = {alpha: np.array(each) for alpha, each in shares.items()}
    return {alpha: (each[:, 0].mean(), each[:, 0].std() / np.sqrt(runs), each[:, 1].mean()) for alpha, each in told.items()}


@pytest.mark.parametrize("texts", [1, 10, pytest.param(1000, marks=pytest.mark.slow)])
def test_of_human_texts_alone_few_runs_find_any(texts: int) -> None:
    for alpha, (rate, error, _) in proportions(RUNS, texts, 0, seed=texts).items():
        exact = np.floor(alpha * (POPULATION + 1)) / (POPULATION + 1)
        assert rate <= alpha + 3.5 * max(error, np.sqrt(alpha / RUNS))
        if texts == 1:
            assert abs(rate - exact) <= 3.5 * np.sqrt(exact / RUNS)


@pytest.mark.parametrize(("human", "machines"), [(5, 5), (180, 20)])
def test_among_findings_few_are_mistakes_and_machine_texts_are_found(human: int, machines: int) -> None:
    found = proportions(2000, human, machines, seed=7)
    for alpha, (rate, error, _) in found.items():
        assert rate <= alpha * human / (human + machines) + 3.5 * max(error, np.sqrt(alpha / 2000))
    assert found[0.05][2] > 0.75 > 0.4 > found[0.001][2]


def with_baseline(alpha: float, runs: int, kept_in: bool, seed: int) -> float:
    """Mean share of mistakes among new findings: 100 human and 100 machine texts were judged; then 50 and 5 join them."""
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(runs):
        calibration = rng.normal(size=POPULATION)
        before = conformal(calibration, np.concatenate([rng.normal(size=100), machine(rng, 100)]))
        baseline = benjamini_hochberg(before) <= alpha
        new = conformal(calibration, np.concatenate([rng.normal(size=50), machine(rng, 5)]))
        human = np.concatenate([np.arange(200) < 100, np.arange(55) < 50])
        known = np.concatenate([baseline, np.zeros(55, bool)])
        p = np.concatenate([before, new])
        family = np.ones(len(p), bool) if kept_in else ~known
        found = np.zeros(len(p), bool)
        found[family] = benjamini_hochberg(p[family]) <= alpha
        found &= ~known
        shares.append(np.count_nonzero(found & human) / max(1, np.count_nonzero(found)))
    return float(np.mean(shares))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_baseline_chosen_by_an_earlier_run_leaves_the_rate_of_new_findings(alpha: float) -> None:
    assert with_baseline(alpha, 2000, kept_in=False, seed=3) <= alpha + 3.5 * np.sqrt(alpha / 2000)


def test_kept_in_the_family_it_would_not() -> None:
    """Why the baseline is left out: its many findings would raise the threshold for the others."""
    assert with_baseline(0.05, 500, kept_in=True, seed=3) > 2 * 0.05


def test_a_family_is_judged_as_benjamini_and_hochberg_do() -> None:
    rng = np.random.default_rng(1)
    for size in (0, 1, 7, 100):
        p = conformal(rng.normal(size=200), rng.normal(0.5, 1.5, size))
        family = judge([rows_of(p, np.full(size, 1 / 201), np.arange(size), np.arange(size))], 0.1)
        assert [judged.q_value for judged in family] == benjamini_hochberg(p).tolist()
