"""Each null law: its draws have its mean, its tail and its moment function, and its bets are e-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.stats.eprocess import mixture
from llm_audit.stats.lattice_laws import CoarseExponential, WeightedBits
from llm_audit.stats.laws import Bernoulli, Exponential, Law, Urn, WeightedExponential

LAWS: list[Law] = [
    Bernoulli(0.25),
    Exponential(),
    WeightedExponential(0.1),
    WeightedBits(30, 0.5),
    WeightedBits(4, 0.4996),
    CoarseExponential(8191),
    Urn(1000, 500),
]
N, RUNS = 60, 10_000


@pytest.fixture(params=LAWS, ids=lambda law: law.kind)
def law(request: pytest.FixtureRequest) -> Law:
    assert isinstance(request.param, Law)
    return request.param


def test_size_and_tail_of_sums(law: Law) -> None:
    rng = np.random.default_rng(7)
    sums = law.draw(rng, (RUNS, N)).sum(axis=1)
    assert sums.mean() / N == pytest.approx(law.mean, rel=0.02)
    p = np.exp(law.log_tails(sums, N))
    for alpha in (0.05, 0.01, 0.001):
        assert binomtest(int((p <= alpha).sum()), RUNS, alpha, alternative="greater").pvalue > 1e-4, alpha
    assert abs((p <= 0.3).mean() - 0.3) < 0.1  # and not idle: steps of a discrete law cost a little


def test_bets_have_mean_one(law: Law) -> None:
    drawn = law.draw(np.random.default_rng(8), (200_000, 1))[:, 0]
    for tilt in law.tilts[:3]:
        e = np.exp(tilt * drawn - law.log_mgf(tilt))
        assert e.mean() == pytest.approx(1, abs=5 * e.std() / math.sqrt(len(e)))


def test_the_e_process_exceeds_its_level_rarely_at_any_time(law: Law) -> None:
    rows = law.draw(np.random.default_rng(9), (2000, 120))
    crossed = sum(mixture(law.increments(row)).p_anytime <= 0.01 for row in rows)
    assert binomtest(crossed, 2000, 0.01, alternative="greater").pvalue > 1e-4


def test_the_least_p_value_is_that_of_the_largest_scores() -> None:
    for law, largest in ((Bernoulli(0.25), 1.0), (Urn(100, 50), 1.0), (WeightedBits(4, 0.5), 1.0)):
        assert law.least(12) == pytest.approx(law.log_tail(12 * largest, 12), abs=1e-9)
    assert Exponential().least(3) == -math.inf


def test_laws_of_few_values_are_counted() -> None:
    """Research note: the 8,191 values of TextSeal have mean .99934 and at most 9.01."""
    values = -np.log1p(-np.arange(8191) / 8191)
    assert values.mean() == pytest.approx(0.99934, abs=2e-5) and values.max() == pytest.approx(9.01, abs=0.002)
    law = CoarseExponential(8191)
    assert law.score(np.arange(8191)).mean() == pytest.approx(law.mean, rel=1e-12)
    assert (values - law.score(np.arange(8191)) < law.step).all()


def test_the_urn_knows_what_is_left() -> None:
    law = Urn(4, 2)
    assert law.increments([1, 1, 0])[2].tolist() == [0.0] * len(law.tilts)  # the third must be unmarked: no bet is won
