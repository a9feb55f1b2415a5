"""The bound of A.3 against worst laws and random ones, the z-test within its skew, and known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from llm_audit.stats import concentration
from tests.stats.laws import Laws, assert_size, random_laws

RUNS, N = 10_000, 60


def worst_laws(vocabulary: int) -> Laws:
    """The law of largest varentropy, as a pool of one."""
    r = np.linspace(1e-3, 1 - 1e-3, 99_999)
    r = r[np.argmax(r * (1 - r) * np.log((1 - r) * (vocabulary - 1) / r) ** 2)]
    return Laws(np.log(np.r_[1 - r, np.full(vocabulary - 1, r / (vocabulary - 1))])[None])


def test_by_hand() -> None:
    assert concentration.gap([-1.0, -2.0], [1.0, 1.0]) == 0.5
    assert concentration.gap([-1.0, -np.inf], [1.0, 1.0]) == math.inf
    test = concentration.martingale_z([-1.0, -2.0, -3.0], [1.0, 1.0, 1.0], [2.0, 1.0, 1.0])
    assert test.z == 1.5
    assert test.p_value == pytest.approx(0.13361440)


@pytest.mark.parametrize(
    ("vocabulary", "bound"), [(2, 0.439), (32_000, 27.9), (50_257, 30.3), (128_256, 35.6), (151_936, 36.6)]
)
def test_largest_varentropy(vocabulary: int, bound: float) -> None:
    assert concentration.varentropy_bound(vocabulary) == pytest.approx(bound, abs=0.05)


@pytest.mark.parametrize("vocabulary", [2, 3, 20])
def test_no_law_exceeds_the_largest_varentropy_and_one_attains_it(vocabulary: int) -> None:
    bound = concentration.varentropy_bound(vocabulary)
    assert worst_laws(vocabulary).varentropy[0] == pytest.approx(bound, rel=1e-6)
    scale = np.random.default_rng(0).uniform(0.1, 20, (20_000, 1))
    assert Laws(log_softmax(scale * np.random.default_rng(1).random((20_000, vocabulary)), axis=1)).varentropy.max() <= bound


def test_the_bound_of_the_generating_function_holds_and_is_tight() -> None:
    """psi(l) <= V_K (-log(1-l) - l) for 0 < l < 1, psi(-s) <= V_K (s - log(1+s)): the step before Chernoff's."""
    rng, bound = np.random.default_rng(2), concentration.varentropy_bound(20)
    pool = Laws(
        np.vstack([log_softmax(rng.uniform(0.1, 9, (9_999, 1)) * rng.random((9_999, 20)), axis=1), worst_laws(20).log_p])
    )
    for exponent in (-4.0, -1.0, -0.1, -1e-3, 1e-3, 0.1, 0.5, 0.9):
        psi = logsumexp((1 - exponent) * pool.log_p, axis=1) - exponent * pool.entropy
        assert psi.max() <= bound * (-math.log1p(-exponent) - exponent) + 1e-12
        if abs(exponent) < 0.01:
            assert psi.max() > 0.99 * bound * exponent**2 / 2


def test_known_lengths() -> None:
    assert [concentration.z_length(gap, 4, 0.01) for gap in (0.2, -0.2, 1.0)] == [664, 664, 27]
    assert [concentration.certificate_length(gap, 50_257, 0.01) for gap in (0.2, -0.5, 1.0)] == [8058, 1298, 328]


@pytest.mark.parametrize("gap", [-3.0, -0.01, 1e-10, 0.7, 50.0, math.inf])
@pytest.mark.parametrize("alpha", [0.05, 1e-6])
def test_the_length_is_the_smallest(gap: float, alpha: float) -> None:
    n = concentration.certificate_length(gap, 300, alpha)
    assert concentration.certificate(gap, n, 300) <= alpha * (1 + 1e-12)
    if abs(gap) > 1e-6:  # beyond, one token more or less is below the resolution of a float
        assert concentration.certificate(gap, n - 1, 300) > alpha


def test_no_gap_has_no_length() -> None:
    with pytest.raises(ValueError, match="never significant"):
        concentration.certificate_length(0.0, 300, 0.05)
    with pytest.raises(ValueError, match="never significant"):
        concentration.z_length(0.0, 4.0, 0.05)
    with pytest.raises(ValueError, match="no tokens"):
        concentration.gap([], [])


def test_the_certificate_at_its_ends() -> None:
    assert concentration.certificate(0.0, 1000, 300) == 1
    assert concentration.certificate(5.0, 0, 300) == 1
    assert concentration.certificate(math.inf, 1, 300) == 0
    bound = concentration.varentropy_bound(300)
    for gap in (-bound, 2 * bound):
        u = abs(gap) / bound
        assert concentration.certificate(gap, 1, 300) == pytest.approx(2 * math.exp(-bound * (u - math.log1p(u))))


def test_size_of_the_certificate() -> None:
    rng = np.random.default_rng(3)
    for laws in (random_laws(rng, vocabulary=20), worst_laws(20)):
        text = laws.columns(laws.write(rng, RUNS, N))
        p = np.array([concentration.certificate(concentration.gap(*row), N, 20) for row in zip(*text[:2], strict=True)])
        assert_size(p)
    assert np.mean(p <= 0.05) > 0.002  # under the worst law it is not vacuous: what is lost is Chernoff's inequality


def test_power_and_signs() -> None:
    rng = np.random.default_rng(4)
    laws = random_laws(rng, vocabulary=20)
    n = 3 * N
    for temperature, sign in ((0.4, -1), (2.5, 1)):
        text = laws.columns(laws.tempered(temperature).write(rng, 500, n))
        gaps = np.array([concentration.gap(*row) for row in zip(*text[:2], strict=True)])
        tests = [concentration.martingale_z(*row) for row in zip(*text[:3], strict=True)]
        assert np.mean(np.sign(gaps) == sign) > 0.99
        assert np.mean([test.z * sign > 0 and test.p_value < 0.01 for test in tests]) > 0.9
        assert np.mean([concentration.certificate(gap, n, 20) < 0.01 for gap in gaps]) > 0.6


def test_size_of_z_within_its_skew() -> None:
    """Right-skewed: the surprising side rejects too often, the other too rarely; together near alpha at .05 and .01."""
    rng = np.random.default_rng(5)
    laws = random_laws(rng)
    text = laws.columns(laws.write(rng, RUNS, N))
    tests = [concentration.martingale_z(*row) for row in zip(*text[:3], strict=True)]
    z, p = np.array(tests).T
    assert abs(np.mean(p <= 0.05) - 0.05) < 0.01
    assert 0.005 < np.mean(p <= 0.01) < 0.02
    assert abs(z.mean()) < 0.04
    assert abs(z.std() - 1) < 0.03
    assert 0.05 < np.mean(z > 1.645) < 0.07
    assert 0.03 < np.mean(z < -1.645) < 0.05


def test_z_without_chance() -> None:
    assert concentration.martingale_z([], [], []) == (0, 1)
    assert concentration.martingale_z([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]) == (0, 1)
    assert concentration.martingale_z([0.0, -np.inf], [0.0, 0.0], [0.0, 0.0]) == (math.inf, 0)
