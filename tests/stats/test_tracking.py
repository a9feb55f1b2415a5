"""The statistic by hand, exact enumeration, size, power, and rows that are cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from llm_audit.stats import tracking
from llm_audit.stats.permutation import Outcome
from llm_audit.stats.tracking import Row
from tests.stats.laws import assert_size


def rows(rng: np.random.Generator, logits: NDArray[np.float64], n: int, noise: float, k: int) -> list[dict[int, float]]:
    """The k largest log-probabilities of n noisy copies."""
    logprobs = log_softmax(logits + noise * rng.standard_normal((n, len(logits))), axis=1)
    return [{int(token): float(row[token]) for token in np.argsort(-row)[:k]} for row in logprobs]


def change(before: Sequence[Row], after: Sequence[Row], rng: np.random.Generator, draws: int = 9999) -> Outcome:
    return tracking.moved(tracking.table([*before, *after]), len(before), rng, draws)


def test_the_table_by_hand() -> None:
    table = tracking.table([{"a": -1.0, "b": -2.0, "c": -3.0}, {"b": -0.5, "d": -4.0}])
    assert table.tolist() == [[-1.0, -2.0, -2.0], [-4.0, -0.5, -4.0]]  # a, b, d; c is cut, since the second row has two


def test_against_enumeration_by_hand() -> None:
    rng = np.random.default_rng(0)
    before, after = rows(rng, np.arange(8.0), 3, 0.5, 5), rows(rng, np.arange(8.0), 4, 0.5, 5)
    table = tracking.table(before + after)
    every = []
    for chosen in itertools.combinations(range(7), 3):
        others = [i for i in range(7) if i not in chosen]
        every.append(float(np.abs(table[list(chosen)].mean(axis=0) - table[others].mean(axis=0)).mean()))
    outcome = change(before, after, rng)
    assert outcome.statistic == pytest.approx(every[0])
    assert outcome.p_value == sum(s >= every[0] - 1e-12 for s in every) / 35
    assert (outcome.draws, outcome.p_floor) == (34, 1 / 35)
    np.testing.assert_allclose(np.sort(outcome.null), np.sort(every[1:]))


def test_size_by_enumeration_and_by_draws() -> None:
    rng = np.random.default_rng(1)
    logits = 2 * rng.standard_normal(12)
    p = np.array([change(r[:4], r[4:], rng).p_value for r in (rows(rng, logits, 9, 0.3, 6) for _ in range(2000))])
    assert_size(p)
    assert np.mean(p <= 0.05) == pytest.approx(6 / 126, abs=0.02)
    p = np.array([change(r[:10], r[10:], rng, 199).p_value for r in (rows(rng, logits, 20, 0.3, 6) for _ in range(2000))])
    assert_size(p)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.02)
    assert p.min() >= 1 / 200


def test_power_and_its_limit() -> None:
    """A shift of half the noise of each logit, 10 + 10 rows; with 3 + 3 no p-value is below 1/10."""
    rng = np.random.default_rng(2)
    logits = 2 * rng.standard_normal(50)
    changed = logits + 0.1 * rng.standard_normal(50)
    found = [change(rows(rng, logits, 10, 0.1, 20), rows(rng, changed, 10, 0.1, 20), rng, 999) for _ in range(50)]
    assert np.mean([each.p_value <= 0.01 for each in found]) > 0.9
    few = change(rows(rng, logits, 3, 0.0, 20), rows(rng, -logits, 3, 0.0, 20), rng)
    assert few.p_value == pytest.approx(2 / 20)  # the mirror image ties


def test_fewer_tokens_are_no_change() -> None:
    rng = np.random.default_rng(3)
    logits = 2 * rng.standard_normal(50)
    p = [change(rows(rng, logits, 8, 0.1, 20), rows(rng, logits, 8, 0.1, 5), rng, 199).p_value for _ in range(300)]
    assert np.mean(np.array(p) <= 0.05) < 0.1


def test_a_deterministic_endpoint_that_changed_and_one_that_did_not() -> None:
    same, other = {"a": -0.1, "b": -3.0}, {"a": -0.2, "b": -2.5}
    assert change([same] * 10, [same] * 10, np.random.default_rng(4), 999).p_value == 1
    assert change([same] * 10, [other] * 10, np.random.default_rng(4), 999).p_value == pytest.approx(0.001, abs=1e-3)
    assert change([same] * 10, [other] * 10, np.random.default_rng(4), 184_755).p_value == 2 / 184_756


def test_what_cannot_be_compared_is_refused() -> None:
    rng = np.random.default_rng(5)
    for bad in ({}, {"a": float("nan")}, {"a": -np.inf}):
        with pytest.raises(ValueError, match="at least one token"):
            change([{"a": -1.0}], [bad], rng)
