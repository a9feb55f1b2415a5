"""Each way to make a p-value: equal to its definition written out, and exact, 10,000 times, where it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks import validity_methods as way

RUNS = 10_000


def assert_size(p: NDArray[np.float64], *, also_reached: bool, slack: float = 0.0) -> None:
    """The share of p <= alpha is alpha within Monte-Carlo error, or (`also_reached` false) not above alpha + slack."""
    for alpha in (0.05, 0.01, 0.001):
        rejections = int((p <= alpha).sum())
        assert binomtest(rejections, len(p), alpha + slack, alternative="greater").pvalue > 1e-4, (alpha, rejections)
        if also_reached:
            assert binomtest(rejections, len(p), alpha, alternative="less").pvalue > 1e-4, (alpha, rejections)


def test_the_plain_rank_is_exact() -> None:
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((RUNS, 1000))
    assert_size(np.array([way.plain(draw[1:] >= draw[0]) for draw in draws]), also_reached=True)


def test_the_rank_within_a_kind_is_exact_where_the_plain_rank_accuses_a_kind() -> None:
    rng = np.random.default_rng(2)
    kinds = np.repeat([0, 1], [1800, 199])
    members = kinds == 1
    within, plain = np.empty(RUNS), np.empty(RUNS)
    for run in range(RUNS):
        scores = rng.standard_normal(len(kinds)) + members
        extreme = scores >= rng.standard_normal() + 1
        within[run], plain[run] = way.among(extreme, members), way.plain(extreme)
    assert_size(within, also_reached=False)
    assert np.mean(within <= 0.01) == pytest.approx(0.01, abs=0.004)
    assert np.mean(plain <= 0.01) > 0.03


def by_hand_kinds(tested: NDArray[np.float64], space: NDArray[np.float64], kinds: NDArray[np.int64]) -> list[float]:
    found = []
    for kind in range(kinds.max() + 1):
        bag = [*space[kinds == kind], tested]
        far = []
        for i, one in enumerate(bag):
            distances = sorted(float(np.linalg.norm(one - other)) for j, other in enumerate(bag) if j != i)
            far.append(distances[min(way.NEIGHBOURS, len(bag) - 2) - 1])
        found.append(sum(each >= far[-1] - 1e-12 for each in far) / len(bag))
    return found


def test_the_p_value_of_a_kind_is_its_definition() -> None:
    rng = np.random.default_rng(3)
    for size in (2, 3, 9, 30):
        kinds = np.concatenate([np.arange(3), rng.integers(0, 3, 3 * size)]).repeat(2)
        space, tested = rng.standard_normal((len(kinds), 3)), rng.standard_normal(3)
        found = way.kind_p_values(np.linalg.norm(space - tested, axis=1), way.within_kinds(space, kinds))
        assert found == pytest.approx(by_hand_kinds(tested, space, kinds))


def test_a_kind_of_one_text_is_never_excluded() -> None:
    space = np.array([[0.0], [5.0], [5.1]])
    found = way.kind_p_values(np.array([9.0, 4.0, 4.1]), way.within_kinds(space, np.array([0, 1, 1])))
    assert found[0] == 1.0 and found[1] == pytest.approx(1 / 3)


def test_the_true_kind_is_excluded_as_seldom_as_said_and_the_largest_rank_is_valid() -> None:
    rng = np.random.default_rng(4)
    kinds = np.repeat([0, 1], [99, 49])
    excluded, p = np.empty(RUNS), np.empty(RUNS)
    for run in range(RUNS):
        space = rng.standard_normal((len(kinds), 2)) + 2 * kinds[:, None]
        tested = rng.standard_normal(2) + 2
        extreme = rng.standard_normal(len(kinds)) + kinds >= rng.standard_normal() + 1
        if run % 10 == 0:  # the distances are what takes time
            kind_p = way.kind_p_values(np.linalg.norm(space - tested, axis=1), way.within_kinds(space, kinds))
        excluded[run], p[run] = kind_p[1], way.over_kinds(extreme, kinds, kind_p, 0.1)
    assert binomtest(int((excluded[::10] <= 0.1).sum()), RUNS // 10, 0.1, alternative="greater").pvalue > 1e-4
    assert_size(p, also_reached=False, slack=0.1)
    assert np.mean(p <= 0.05) < 0.08  # in truth far less than alpha + epsilon


def test_no_kind_is_an_answer_as_well() -> None:
    kinds = np.array([0, 0, 0, 1, 1])
    extreme = np.array([True, False, False, True, True])
    assert way.over_kinds(extreme, kinds, np.array([0.01, 0.02]), 0.05) == 1.0  # the likelier kind is kept
    assert way.over_kinds(extreme, kinds, np.array([0.06, 0.02]), 0.05) == 2 / 4


def test_the_randomly_localised_rank_is_exact_where_the_score_depends_on_the_content() -> None:
    rng = np.random.default_rng(5)
    p = np.empty(RUNS)
    near = np.empty(RUNS)
    plain = np.empty(RUNS)
    for run in range(RUNS):
        space = rng.standard_normal((300, 2))
        scores = rng.standard_normal(300) * np.exp(space[:, 0])
        p[run] = way.localised(scores[1:] >= scores[0], space[1:], space[0], 0.4, rng)
        near[run], plain[run] = space[0, 0], way.plain(scores[1:] >= scores[0])
    assert_size(p, also_reached=False)
    assert np.mean(p <= 0.05) > 0.035
    hard = near > 1.5  # where all scores are large, the plain rank errs most
    assert np.mean(plain[hard] <= 0.05) > 0.2 and np.mean(p[hard] <= 0.05) < 0.12


def test_the_localised_weights_are_the_kernels_at_one_centre() -> None:
    rng = np.random.default_rng(6)
    space, tested, extreme = rng.standard_normal((20, 3)), rng.standard_normal(3), rng.random(20) < 0.3
    for generator in (None, 7):
        centre = tested if generator is None else tested + 0.8 * np.random.default_rng(7).standard_normal(3)
        kernel = [float(np.exp(-np.sum((one - centre) ** 2) / (2 * 0.8**2))) for one in [*space, tested]]
        top = kernel[-1] + sum(weight for weight, is_extreme in zip(kernel, extreme, strict=False) if is_extreme)
        made = None if generator is None else np.random.default_rng(generator)
        assert way.localised(extreme, space, tested, 0.8, made) == pytest.approx(top / sum(kernel))


def random_effects(rng: np.random.Generator, sizes: list[int]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """A text of a new source against sources of these sizes: every source has a mean of its own."""
    sources = np.repeat(np.arange(len(sizes)), sizes)
    scores = rng.standard_normal(len(sizes))[sources] + rng.standard_normal(len(sources))
    return scores >= rng.standard_normal() + rng.standard_normal(), sources


def test_a_new_source_among_random_ones() -> None:
    rng = np.random.default_rng(8)
    sizes = [300, 100, *[10] * 37]
    drawn = [random_effects(rng, sizes) for _ in range(RUNS)]
    exact = np.array([way.exact_sources(*one) for one in drawn])
    assert_size(exact, also_reached=False)
    assert np.mean(exact <= 0.05) > 0.02  # on a grid of fortieths, and then some
    assert exact.min() >= 1 / 40
    assert_size(np.array([way.subsampled_sources(*one) for one in drawn]), also_reached=False)
    pooled = np.mean([way.pooled_sources(*one) <= 0.05 for one in drawn])
    plain = np.mean([way.plain(extreme) <= 0.05 for extreme, _ in drawn])
    assert abs(pooled - 0.05) < abs(plain - 0.05) and 0.05 < pooled < 0.09  # few sources: approximate
    many = np.array([way.pooled_sources(*random_effects(rng, [3] * 400)) for _ in range(RUNS)])
    assert np.mean(many <= 0.05) == pytest.approx(0.05, abs=0.01)


def test_subsampling_is_its_definition_in_the_mean() -> None:
    rng = np.random.default_rng(9)
    extreme, sources = random_effects(rng, [4, 2, 7, 1])
    places = [np.flatnonzero(sources == source) for source in range(4)]
    ranks = [(1 + sum(extreme[rng.choice(own)] for own in places)) / 5 for _ in range(8_000)]
    assert way.exact_sources(extreme, sources) == pytest.approx(np.mean(ranks), abs=0.015)
    assert way.subsampled_sources(extreme, sources) == min(1.0, 2 * way.exact_sources(extreme, sources))
    assert way.pooled_sources(extreme, sources) == pytest.approx((14 / 14 + 14 * way.shares(extreme, sources).mean()) / 15)
