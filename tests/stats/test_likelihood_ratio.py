"""Size under every member of the null set, power with the right sign, and the arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_audit.stats.combination import e_to_p
from llm_audit.stats.likelihood_ratio import log_ratio
from tests.stats.laws import Laws, Texts, assert_size, random_laws

RUNS, N = 10_000, 50


def models() -> list[Laws]:
    """Four models that share much: mixtures of one law and laws of their own."""
    base = random_laws(np.random.default_rng(0))
    return [base.mixed(random_laws(np.random.default_rng(seed)), 0.1) for seed in range(1, 5)]


def columns(members: list[Laws], texts: Texts) -> NDArray[np.float64]:
    """(documents, n, members)."""
    return np.stack([member.logprob(texts) for member in members], axis=-1)


def p_values(rivals: list[Laws], nulls: list[Laws], texts: Texts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At the fixed length and anytime."""
    paths = [log_ratio(*row) for row in zip(columns(rivals, texts), columns(nulls, texts), strict=True)]
    return np.array([e_to_p(path[-1]) for path in paths]), np.array([e_to_p(path.max()) for path in paths])


def test_by_hand() -> None:
    above, below = np.log([[0.5, 0.1], [0.5, 0.1]]), np.log([[0.2, 0.4], [0.4, 0.3]])
    np.testing.assert_allclose(log_ratio(above, below), np.log([0.3 / 0.4, 0.13 / 0.12]))
    np.testing.assert_allclose(log_ratio(above[:, :1], below[:, :1]), np.log([0.5 / 0.2, 0.25 / 0.08]))
    assert len(log_ratio(np.empty((0, 2)), np.empty((0, 3)))) == 0


def test_size_and_power_of_one_against_one() -> None:
    a, b = models()[:2]
    for p in p_values([b], [a], a.write(np.random.default_rng(5), RUNS, N)):
        assert_size(p)
        assert np.mean(p <= 0.05) > 0.001
    for p in p_values([b], [a], b.write(np.random.default_rng(6), 500, 8 * N)):
        assert np.mean(p <= 0.01) > 0.8


def test_size_for_every_member_of_the_null_set() -> None:
    members = models()
    nulls, rivals = members[:2], members[2:]
    for seed, writer in enumerate(nulls):
        for p in p_values(rivals, nulls, writer.write(np.random.default_rng(seed), RUNS, N)):
            assert_size(p)
    for seed, writer in enumerate(rivals):
        for p in p_values(rivals, nulls, writer.write(np.random.default_rng(seed), 500, 8 * N)):
            assert np.mean(p <= 0.01) > 0.7


def test_unknown_temperatures_as_members() -> None:
    a, b = models()[:2]
    nulls, rivals = ([model.tempered(t) for t in (0.7, 1.0, 1.4)] for model in (a, b))
    for seed, writer in enumerate(nulls):
        for p in p_values(rivals, nulls, writer.write(np.random.default_rng(seed), RUNS, N)):
            assert_size(p)
    for p in p_values(rivals, nulls, rivals[2].write(np.random.default_rng(9), 300, 6 * N)):
        assert np.mean(p <= 0.01) > 0.7


def test_impossible_tokens() -> None:
    none = -np.inf
    np.testing.assert_array_equal(log_ratio([[-1.0], [none], [-1.0]], [[-1.0], [-1.0], [-1.0]]), [0, none, none])
    np.testing.assert_array_equal(log_ratio([[-1.0], [-1.0]], [[none], [-1.0]]), [np.inf, np.inf])
    # One member of either set survives: it alone counts.
    np.testing.assert_allclose(log_ratio([[-1.0, none]], [[none, -2.0]]), [1 - np.log(2)])
    # 0/0 is no evidence, in either direction.
    assert log_ratio([[none]], [[none]]) == 0
    np.testing.assert_array_equal(log_ratio([[none], [-1.0]], [[-1.0], [none]]), [none, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_likelihoods_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="log-likelihoods"):
        log_ratio([[-1.0]], [[bad]])
