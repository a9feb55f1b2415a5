"""Online ranks and the bet against them: size at every stop, power, direction."""

from __future__ import annotations

import numpy as np
import pytest

from llm_audit.stats.online import ranks, wealth


def test_ranks_are_independent_and_uniform_under_exchangeability() -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([ranks(each[20:], each[:20], rng) for each in rng.normal(size=(10_000, 25))])
    for column in drawn.T:
        for level in (0.05, 0.5):
            assert abs(np.mean(column <= level) - level) < 4 * (level * (1 - level) / 10_000) ** 0.5
    assert np.abs(np.corrcoef(drawn.T) - np.eye(5)).max() < 0.05


def test_ties_are_broken_at_random() -> None:
    rng = np.random.default_rng(2)
    drawn = np.array([ranks([0.0], np.zeros(9), rng)[0] for _ in range(4000)])
    assert abs(drawn.mean() - 0.5) < 0.02 and drawn.min() < 0.01


def test_size_at_the_most_favourable_stop() -> None:
    rng = np.random.default_rng(3)
    found = np.array([wealth(ranks(each[50:], each[:50], rng)).p_anytime for each in rng.normal(size=(10_000, 110))])
    for alpha in (0.05, 0.01, 0.001):
        assert np.mean(found <= alpha) <= alpha + 3 * (alpha / 10_000) ** 0.5


def test_values_closer_than_honest_ones_gather_nothing() -> None:
    rng = np.random.default_rng(4)
    found = [wealth(ranks(rng.random(60) * 0.01, rng.random(100), rng)).p_anytime for _ in range(500)]
    assert np.mean(np.array(found) <= 0.05) == 0


def test_power_grows_with_the_distance() -> None:
    rng = np.random.default_rng(5)

    def needed(shift: float) -> float:
        paths = [wealth(ranks(rng.normal(shift, 1, 60), rng.normal(size=200), rng)).path for _ in range(200)]
        return float(np.median([np.argmax(path >= np.log(100)) + 1 if path.max() >= np.log(100) else 61 for path in paths]))

    assert needed(4.0) <= 4 < needed(1.0) < 40


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.5), (0.2, 0.9)])
def test_a_few_extreme_values_among_honest_ones_are_found(share: float, least: float) -> None:
    """Of 60 values, against 500 honest ones, at level .01."""
    rng = np.random.default_rng(6)
    found = []
    for _ in range(200):
        values = rng.normal(size=60) + 8 * (rng.random(60) < share)
        found.append(wealth(ranks(values, rng.normal(size=500), rng)).p_anytime <= 0.01)
    assert np.mean(found) > least


@pytest.mark.parametrize(("values", "honest"), [([np.nan], [1.0]), ([1.0], []), ([1.0], [np.inf])])
def test_what_is_no_number_is_refused(values: list[float], honest: list[float]) -> None:
    with pytest.raises(ValueError):
        ranks(values, honest, np.random.default_rng(0))
