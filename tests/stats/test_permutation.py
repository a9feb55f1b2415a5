"""Permutation and rank tests: by hand, against enumeration in rational arithmetic, size under the null, power and direction."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from llm_audit.stats import classification
from llm_audit.stats import permutation as tests
from llm_audit.stats.permutation import Outcome

RUNS = 10_000
Floats = NDArray[np.float64]


def assert_size(p: Floats, *, attained: bool = False) -> None:
    """P(p <= alpha) is at most alpha + 4 sd at every level; attained: not below alpha - 4 sd either."""
    assert len(p) == RUNS
    for alpha in (0.05, 0.01, 0.001, *np.arange(0.1, 1.0, 0.1)):
        share, sd = float(np.mean(p <= alpha)), math.sqrt(alpha * (1 - alpha) / len(p))
        assert share <= alpha + 4 * sd, (alpha, share)
        if attained:
            assert share >= alpha - 4 * sd, (alpha, share)


# One statistic among draws


def test_monte_carlo_by_hand() -> None:
    outcome = tests.monte_carlo(2.0, [1, 2, 3, 0])
    assert outcome[:5] == (2.0, 3 / 5, 1 / 5, 4, 2)  # the tie counts against
    assert outcome.null.tolist() == [1, 2, 3, 0]
    assert tests.monte_carlo(4.0, [1, 2, 3, 0]).p_value == 1 / 5
    assert tests.monte_carlo(-1.0, [1, 2, 3, 0]).p_value == 1


def test_monte_carlo_attains_its_size() -> None:
    samples = np.random.default_rng(0).standard_normal((RUNS, 1000))
    assert_size(np.array([tests.monte_carlo(row[0], row[1:]).p_value for row in samples]), attained=True)


def test_monte_carlo_keeps_its_size_with_ties() -> None:
    samples = np.random.default_rng(1).integers(0, 5, (RUNS, 1000))
    assert_size(np.array([tests.monte_carlo(row[0], row[1:]).p_value for row in samples]))


@pytest.mark.parametrize(("observed", "null"), [(1.0, []), (np.nan, [1.0]), (1.0, [np.nan]), (np.inf, [0.0]), (1.0, [[0.0]])])
def test_monte_carlo_refuses_what_it_cannot_rank(observed: float, null: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        tests.monte_carlo(observed, null)


# Several rank tests


def rank_sum_by_enumeration(exceeding: list[int], draws: list[int]) -> Fraction:
    weights = [round(max(draws) / m) for m in draws]
    observed = sum(w * c for w, c in zip(weights, exceeding, strict=True))
    sums = [
        sum(w * c for w, c in zip(weights, each, strict=True)) for each in itertools.product(*(range(m + 1) for m in draws))
    ]
    return Fraction(sum(s <= observed for s in sums), len(sums))


def equal_rank_sum(k: int, m: int, observed: int) -> Fraction:
    """P(sum of k uniforms on 0..m <= observed), by inclusion and exclusion."""
    terms = range(min(k, observed // (m + 1)) + 1)
    ways = sum((-1) ** j * math.comb(k, j) * math.comb(observed - j * (m + 1) + k, k) for j in terms)
    return Fraction(ways, (m + 1) ** k)


def spread(total: int, k: int) -> list[int]:
    return [total // k + (i < total % k) for i in range(k)]


def test_rank_sum_by_hand() -> None:
    outcome = tests.rank_sum([0, 1], [9, 9])
    assert outcome[:5] == (1 - 1 / 18, 3 / 100, 1 / 100, 18, 1)  # (0, 0), (0, 1), (1, 0)
    assert tests.rank_sum([0, 0], [9, 9]).p_value == 0.01  # not the float above it
    assert tests.rank_sum([0, 0, 0], [9, 9, 9]).p_value == 0.001
    assert tests.rank_sum([9, 9], [9, 9]).p_value == 1
    assert tests.rank_sum([9, 9], [9, 9]).statistic == 0
    unequal = tests.rank_sum([1, 0], [4, 2])  # weights 1 and 2: sums 0 (0,0) and 1 (1,0)
    assert unequal[:5] == (1 - 1 / 8, 2 / 15, 1 / 15, 6, 1)


@given(st.integers(1, 200).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))))
def test_rank_sum_of_one_test_is_its_rank(case: tuple[int, int]) -> None:
    exceeding, m = case
    null = np.arange(m) < exceeding
    assert tests.rank_sum([exceeding], [m]).p_value == tests.monte_carlo(1.0, null).p_value


@given(st.lists(st.integers(1, 7).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))), min_size=1, max_size=4))
def test_rank_sum_agrees_with_enumeration(cases: list[tuple[int, int]]) -> None:
    exceeding, draws = [c for c, _ in cases], [m for _, m in cases]
    outcome = tests.rank_sum(exceeding, draws)
    assert outcome.p_value == pytest.approx(float(rank_sum_by_enumeration(exceeding, draws)), rel=1e-13)
    assert outcome.p_floor == 1 / math.prod(m + 1 for m in draws)
    assert outcome.p_floor <= outcome.p_value <= 1


@pytest.mark.parametrize(("k", "m"), [(2, 999), (7, 99), (20, 99), (50, 999), (150, 99)])
def test_rank_sum_is_accurate_in_the_tail(k: int, m: int) -> None:
    smallest = 1.0
    for share in (0.001, 0.05, 0.2, 0.3, 0.4, 0.5, 0.9):
        observed = int(share * k * m)
        exact = float(equal_rank_sum(k, m, observed))
        if exact > 1e-300:
            assert tests.rank_sum(spread(observed, k), [m] * k).p_value == pytest.approx(exact, rel=1e-10)
            smallest = min(smallest, exact)
    assert smallest < (1e-5 if k == 2 else 1e-12)


def test_rank_sum_never_says_zero() -> None:
    outcome = tests.rank_sum([0] * 110, [999] * 110)
    assert 0 < outcome.p_floor == outcome.p_value < 1e-300


@pytest.mark.parametrize("draws", [[999], [99] * 5, [99, 40, 9]])
def test_rank_sum_attains_its_size(draws: list[int]) -> None:
    rng = np.random.default_rng(2)
    counts = rng.integers(0, np.array(draws) + 1, (RUNS, len(draws))).tolist()
    p = np.array([tests.rank_sum(each, draws).p_value for each in counts])
    assert_size(p, attained=True)


def test_rank_sum_of_tied_draws_keeps_its_size() -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 6, (RUNS, 4, 100))
    exceeding = (scores[:, :, 1:] >= scores[:, :, :1]).sum(axis=2).tolist()
    assert_size(np.array([tests.rank_sum(each, [99] * 4).p_value for each in exceeding]))


def test_rank_sum_gathers_evidence_too_weak_alone_and_knows_its_direction() -> None:
    rng = np.random.default_rng(4)

    def found(shift: float) -> tuple[float, float]:
        scores = rng.standard_normal((300, 20, 100))
        scores[:, :, 0] += shift
        exceeding = (scores[:, :, 1:] >= scores[:, :, :1]).sum(axis=2)
        together = [tests.rank_sum(each, [99] * 20) for each in exceeding.tolist()]
        return float(np.mean([each.p_value <= 0.01 for each in together])), float(np.mean([o.statistic for o in together]))

    (power, above), (wrong, below) = found(1.0), found(-1.0)
    assert power > 0.9
    assert wrong == 0
    assert above == pytest.approx(stats.norm.cdf(1 / math.sqrt(2)), abs=0.01)
    assert below == pytest.approx(1 - above, abs=0.01)


def test_the_null_of_rank_sum_is_its_law() -> None:
    outcome = tests.rank_sum(spread(600, 12), [99] * 12)
    draws = 1 - np.random.default_rng(5).integers(0, 100, (100_000, 12)).mean(axis=1) / 99
    assert len(outcome.null) == tests.QUANTILES
    np.testing.assert_allclose(np.quantile(outcome.null, [0.1, 0.5, 0.9]), np.quantile(draws, [0.1, 0.5, 0.9]), atol=0.005)
    assert tests.standardised(outcome) == pytest.approx((outcome.statistic - 0.5) / draws.std(), abs=0.03)


@pytest.mark.parametrize(("exceeding", "draws"), [([], []), ([1], [1, 2]), ([0], [0]), ([3], [2]), ([-1], [2]), ([[1]], [[2]])])
def test_impossible_counts_are_refused(exceeding: list[int], draws: list[int]) -> None:
    with pytest.raises(ValueError, match="draw"):
        tests.rank_sum(exceeding, draws)


# Published against private versions


def versions_by_enumeration(scores: list[list[Fraction]], groups: list[int]) -> tuple[Fraction, Fraction]:
    """Statistic and p in rational arithmetic: every group's published version is drawn anew."""
    names = sorted(set(groups))
    k = len(scores[0])

    def statistic(published: dict[int, int]) -> Fraction:
        chosen = [published[group] for group in groups]
        return sum(
            (row[v] - Fraction(sum(row) - row[v]) / (k - 1) for row, v in zip(scores, chosen, strict=True)), Fraction(0)
        ) / len(scores)

    observed = statistic(dict.fromkeys(names, 0))
    drawn = [statistic(dict(zip(names, each, strict=True))) for each in itertools.product(range(k), repeat=len(names))]
    return observed, Fraction(sum(each >= observed for each in drawn), len(drawn))


def test_versions_by_hand() -> None:
    # The statistics of the four sign flips of (3, 1) are 2, 1, -1 and -2.
    for draws in (3, 9999):  # 3 are as many as there are others
        outcome = tests.versions([[3.0, 0.0], [1.0, 0.0]], np.random.default_rng(0), draws)
        assert outcome[:5] == (2.0, 1 / 4, 1 / 4, 3, 0)
        assert sorted(outcome.null) == [-2, -1, 1]
    assert tests.versions([[3.0, 0.0], [0.0, 1.0]], np.random.default_rng(0)).p_value == 2 / 4
    # One item, three versions: 5 - 3/2 against 1 - 7/2 and 2 - 3.
    outcome = tests.versions([[5.0, 1.0, 2.0]], np.random.default_rng(0))
    assert (outcome.statistic, outcome.p_value, sorted(outcome.null)) == (3.5, 1 / 3, [-2.5, -1.0])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    n, k = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(st.integers(-3, 3), min_size=k, max_size=k), min_size=n, max_size=n))
    return rows, draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))


@given(tables())
def test_versions_agree_with_enumeration_however_the_scores_round(case: tuple[list[list[int]], list[int]]) -> None:
    """Tenths are not floats, so equal statistics differ in their last bits; they must stay tied all the same."""
    rows, groups = case
    tenths = [[Fraction(value, 10) for value in row] for row in rows]
    observed, p = versions_by_enumeration(tenths, groups)
    outcome = tests.versions([[value / 10 for value in row] for row in rows], np.random.default_rng(0), groups=groups)
    assert outcome.statistic == pytest.approx(float(observed), abs=1e-12)
    assert outcome.p_value == float(p)
    assert outcome.p_floor == 1 / len(rows[0]) ** len(set(groups)) == 1 / (outcome.draws + 1)


def test_drawn_versions_approach_the_enumerated_ones() -> None:
    rng = np.random.default_rng(6)
    for k, n in ((2, 13), (3, 8)):
        scores = rng.standard_normal((n, k)) + 0.3 * np.eye(1, k)
        exact, drawn = (tests.versions(scores, rng, draws=draws) for draws in (9999, 6000))
        assert (exact.draws, drawn.draws) == (k**n - 1, 6000)
        assert exact.statistic == pytest.approx(drawn.statistic)
        assert abs(exact.p_value - drawn.p_value) < 4 * math.sqrt(exact.p_value / 6000)
        np.testing.assert_allclose(drawn.null.std(), exact.null.std(), rtol=0.05)


def test_equal_versions_say_nothing() -> None:
    """Also where a mean of equal numbers is not that number in floats, by enumeration and by drawing."""
    for n in (5, 40):
        outcome = tests.versions(np.repeat(np.linspace(0.1, 7.3, n)[:, None], 7, axis=1), np.random.default_rng(0))
        assert (outcome.statistic, outcome.p_value) == (0, 1)
        assert tests.standardised(outcome) == 0


@pytest.mark.parametrize(("n", "k", "draws"), [(10, 2, 1023), (30, 2, 999), (12, 4, 999)])
def test_versions_attain_their_size(n: int, k: int, draws: int) -> None:
    rng = np.random.default_rng(7)
    p = np.array([tests.versions(rng.standard_cauchy((n, k)), rng, draws=draws).p_value for _ in range(RUNS)])
    assert_size(p, attained=True)


def test_versions_keep_their_size_with_ties() -> None:
    rng = np.random.default_rng(8)
    p = np.array([tests.versions(rng.integers(0, 3, (15, 3)) / 10, rng, draws=999).p_value for _ in range(RUNS)])
    assert_size(p)


def test_items_published_by_one_draw_need_their_group() -> None:
    """One draw decides for five items with alike versions: by group the size holds, item by item it does not."""
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(8), 5).tolist()
    scores = rng.standard_normal((RUNS, 8, 1, 3)) + 0.3 * rng.standard_normal((RUNS, 8, 5, 3))
    grouped = np.array([tests.versions(each.reshape(40, 3), rng, 6560, groups).p_value for each in scores])
    assert_size(grouped, attained=True)
    alone = np.array([tests.versions(each.reshape(40, 3), rng, 199).p_value for each in scores[:1000]])
    assert np.mean(alone <= 0.05) > 0.12


def test_versions_find_what_is_there_and_nothing_the_other_way() -> None:
    rng = np.random.default_rng(10)

    def power(shift: float, k: int) -> float:
        scores = rng.standard_normal((300, 50, k))
        scores[:, :, 0] += shift
        return float(np.mean([tests.versions(each, rng, draws=999).p_value <= 0.01 for each in scores]))

    for k in (2, 4):
        # The sd of a difference is sqrt(1 + 1/K); what a z-test would find.
        expected = float(stats.norm.sf(stats.norm.isf(0.01) - 0.6 * math.sqrt(50 / (1 + 1 / (k - 1)))))
        assert power(0.6, k) == pytest.approx(expected, abs=0.1)
        assert expected > 0.6
        assert power(-0.6, k) == 0


@pytest.mark.parametrize("test", ["versions", "two_sample"])
def test_the_first_draws_picture_them_all(test: str) -> None:
    """Also where they were enumerated, which goes through the choices of the last unit first."""
    rng = np.random.default_rng(11)
    effects = np.append(10.0, rng.standard_normal(12))
    outcome = (
        tests.versions(np.column_stack([effects, np.zeros(13)]), rng)
        if test == "versions"
        else tests.two_sample(effects, np.arange(13) < 6, rng)
    )
    assert outcome.draws == (2**13 if test == "versions" else math.comb(13, 6)) - 1
    assert abs(outcome.null[:500].mean() - outcome.null.mean()) < 5 * outcome.null.std() / math.sqrt(500)


def test_two_thousand_units_fit_into_little_memory() -> None:
    rng = np.random.default_rng(12)
    scores = rng.standard_normal((2000, 3))
    tracemalloc.start()
    outcomes: list[Outcome] = [tests.versions(scores, rng), tests.two_sample(scores[:, 0], np.arange(2000) % 2, rng)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6
    assert [len(each.null) for each in outcomes] == [9999, 9999]


@pytest.mark.parametrize("scores", [[], [1.0, 2.0], [[1.0]], [[1.0, np.nan]], [[np.inf, 1.0]]])
def test_bad_versions_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="scores must be finite"):
        tests.versions(scores, np.random.default_rng(0))


def test_every_item_needs_a_group() -> None:
    with pytest.raises(ValueError, match="expected 2 groups"):
        tests.versions([[1.0, 2.0], [3.0, 4.0]], np.random.default_rng(0), groups=["a"])


# Two samples


def two_sample_by_enumeration(values: list[int], labels: list[int]) -> tuple[Fraction, Fraction]:
    def auroc(ones: tuple[int, ...]) -> Fraction:
        rest = [i for i in range(len(values)) if i not in ones]
        wins = sum(Fraction(1 + (values[i] > values[j]) - (values[i] < values[j]), 2) for i, j in itertools.product(ones, rest))
        return wins / (len(ones) * len(rest))

    observed = auroc(tuple(i for i, label in enumerate(labels) if label))
    drawn = [auroc(each) for each in itertools.combinations(range(len(values)), sum(labels))]
    return observed, Fraction(sum(each >= observed for each in drawn), len(drawn))


def test_two_samples_by_hand() -> None:
    for draws in (5, 9999):  # 5 are as many as there are others
        outcome = tests.two_sample([3.0, 1.0, 4.0, 2.0], [1, 0, 1, 0], np.random.default_rng(0), draws)
        assert outcome[:5] == (1.0, 1 / 6, 1 / 6, 5, 0)
        assert sorted(outcome.null) == [0, 0.25, 0.5, 0.5, 0.75]
    assert tests.two_sample([3.0, 1.0, 4.0, 2.0], [0, 1, 0, 1], np.random.default_rng(0)).p_value == 1
    outcome = tests.two_sample([2.0, 1.0, 2.0], [True, False, False], np.random.default_rng(0))
    assert (outcome.statistic, outcome.p_value) == (0.75, 2 / 3)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 1)), min_size=2, max_size=9))
def test_two_samples_agree_with_enumeration(units: list[tuple[int, int]]) -> None:
    values, labels = [value for value, _ in units], [label for _, label in units]
    if len(set(labels)) == 2:
        outcome = tests.two_sample(np.array(values) / 10, labels, np.random.default_rng(0))
        observed, p = two_sample_by_enumeration(values, labels)
        assert outcome.statistic == float(observed)
        assert outcome.p_value == float(p)
        assert outcome.p_floor == 1 / math.comb(len(labels), sum(labels))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 39), st.booleans())
def test_drawn_labels_agree_with_mann_whitney(seed: int, ones: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, 40).astype(float) if tied else rng.standard_normal(40)
    labels = rng.permutation(np.arange(40) < ones)
    outcome = tests.two_sample(values, labels, rng, draws=30)
    u = stats.mannwhitneyu(values[labels], values[~labels]).statistic
    assert outcome.statistic == pytest.approx(u / (ones * (40 - ones)), abs=1e-12)
    assert outcome.statistic == pytest.approx(classification.auroc(values, labels), abs=1e-12)
    assert outcome.p_value == (1 + int((outcome.null >= outcome.statistic).sum())) / 31


def test_drawn_labels_approach_the_exact_test() -> None:
    rng = np.random.default_rng(13)
    values, labels = rng.standard_normal(40), np.arange(40) < 15
    outcome = tests.two_sample(values + 0.4 * labels, labels, rng)
    exact = stats.mannwhitneyu(values[labels] + 0.4, values[~labels], alternative="greater", method="exact").pvalue
    assert outcome.draws == 9999
    assert abs(outcome.p_value - exact) < 4 * math.sqrt(exact / 9999)
    assert outcome.null.mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize(("n", "ones", "tied"), [(10, 5, False), (16, 5, False), (10, 4, True)])
def test_two_samples_keep_their_size(n: int, ones: int, tied: bool) -> None:
    rng = np.random.default_rng(14)
    labels = np.arange(n) < ones
    p = np.empty(RUNS)
    for i in range(RUNS):
        values = rng.integers(0, 3, n) if tied else rng.standard_cauchy(n)
        p[i] = tests.two_sample(values, labels, rng, draws=999).p_value  # of 252, 4,368 and 210
    assert_size(p)
    assert tied or np.mean(p <= 0.05) > 0.035  # not merely conservative: the rank sum takes few values


def test_two_samples_find_a_shift_and_know_its_direction() -> None:
    rng = np.random.default_rng(15)
    labels = np.arange(100) < 50
    up, down = (
        [tests.two_sample(rng.standard_normal(100) + shift * labels, labels, rng, draws=199) for _ in range(300)]
        for shift in (0.8, -0.8)
    )
    assert np.mean([each.p_value <= 0.01 for each in up]) > 0.85
    assert all(each.p_value > 0.2 for each in down)
    assert np.mean([each.statistic for each in up]) == pytest.approx(stats.norm.cdf(0.8 / math.sqrt(2)), abs=0.01)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [0, 1, 2], [0.5, 1, 0]])
def test_labels_must_be_of_two_kinds(labels: list[float]) -> None:
    with pytest.raises(ValueError, match="both must occur"):
        tests.two_sample([1.0, 2.0, 3.0], labels, np.random.default_rng(0))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_values_must_be_numbers_one_per_label(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite, one per label"):
        tests.two_sample(values, [0, 1], np.random.default_rng(0))


# Shards, effects, intervals, needed sizes


def test_sharded_t_by_hand() -> None:
    # s = 1, 2, 3: mean 2, sd 1 with r - 1 (and .816 with r), t = 2 sqrt 3.
    t, df, p = tests.sharded_t([2, 3, 4], [[0, 2], [1, 1], [1, 1]])
    assert (t, df) == (pytest.approx(2 * math.sqrt(3)), 2)
    assert p == pytest.approx(stats.t.sf(2 * math.sqrt(3), 2))
    assert tests.sharded_t([-2, -3, -4], [[0], [0], [0]])[2] > 0.95


def test_sharded_t_agrees_with_scipy() -> None:
    rng = np.random.default_rng(16)
    canonical, permuted = rng.standard_normal(50), rng.standard_normal((50, 25))
    for shift in (-1.0, 0.0, 0.5, 3.0):
        expected = stats.ttest_1samp(canonical + shift - permuted.mean(axis=1), 0, alternative="greater")
        found = tests.sharded_t(canonical + shift, permuted)
        assert found == (pytest.approx(expected.statistic), 49, pytest.approx(expected.pvalue))


def test_sharded_t_attains_its_size_when_shards_are_normal() -> None:
    samples = np.random.default_rng(17).standard_normal((RUNS, 10, 6))
    assert_size(np.array([tests.sharded_t(each[:, 0], each[:, 1:])[2] for each in samples]), attained=True)


def test_sharded_t_of_skewed_shards_is_too_small_where_their_ranks_are_exact() -> None:
    samples = -np.random.default_rng(18).exponential(size=(2000, 10, 20))
    t = [tests.sharded_t(each[:, 0], each[:, 1:])[2] for each in samples]
    counts = (samples[:, :, 1:] >= samples[:, :, :1]).sum(axis=2).tolist()
    ranks = [tests.rank_sum(each, [19] * 10).p_value for each in counts]
    assert np.mean(np.array(t) <= 0.01) > 0.04
    assert np.mean(np.array(ranks) <= 0.01) < 0.01 + 4 * math.sqrt(0.01 / 2000)


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_shards_that_do_not_differ_are_no_evidence(gain: float) -> None:
    permuted = -np.array([[700.1], [801.3], [93.7]])
    assert tests.sharded_t(permuted[:, 0] + gain, permuted) == (0, 2, 1)


@pytest.mark.parametrize(
    ("canonical", "permuted"), [([1.0], [[1.0]]), ([1.0, 2.0], [[1.0]]), ([1.0, 2.0], [[], []]), ([1.0, 2.0], [1.0, 2.0])]
)
def test_too_few_shards_or_orders_are_refused(canonical: list[float], permuted: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least two shards"):
        tests.sharded_t(canonical, permuted)


def test_shards_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        tests.sharded_t([1.0, np.nan], [[1.0], [2.0]])


def test_standardised_by_hand() -> None:
    assert tests.standardised(tests.monte_carlo(7.0, [1, 3])) == 5  # mean 2, sd 1
    assert tests.standardised(tests.monte_carlo(0.0, [1, 3])) == -2
    assert tests.standardised(tests.monte_carlo(7.0, [0.1] * 10)) == 0


def test_needed_sizes_by_hand() -> None:
    assert [tests.draws_needed(a) for a in (0.05, 0.01, 0.001, 1e-6, 1 / 3, 1 / 49, 0.9)] == [19, 99, 999, 999_999, 2, 48, 1]
    assert [tests.rows_needed(a) for a in (0.5, 1 / 6, 0.05, 1 / 24, 0.01, 0.001)] == [2, 3, 4, 4, 5, 7]
    assert [tests.pairs_needed(a) for a in (0.5, 0.05, 0.01, 0.001)] == [1, 5, 7, 10]
    assert [tests.pairs_needed(a, versions=10) for a in (0.1, 0.01, 0.001, 1e-12)] == [1, 2, 3, 12]


@given(st.integers(1, 200_000))
def test_the_draws_needed_for_a_level_of_one_in_n(n: int) -> None:
    b = tests.draws_needed(1 / (n + 1))
    assert b == n
    assert tests.monte_carlo(1.0, np.zeros(b)).p_value <= 1 / (n + 1)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_the_needed_data_decide_and_one_fewer_do_not(alpha: float) -> None:
    rng = np.random.default_rng(19)
    for k in (2, 3):
        n = tests.pairs_needed(alpha, k)
        perfect = np.tile(np.eye(1, k), (n, 1))
        assert tests.versions(perfect, rng).p_value <= alpha < tests.versions(perfect[1:], rng).p_value


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, np.nan])
def test_needed_sizes_refuse_impossible_levels(alpha: float) -> None:
    for needed in (tests.draws_needed, tests.rows_needed, tests.pairs_needed):
        with pytest.raises(ValueError, match="between 0 and 1"):
            needed(alpha)


def test_one_version_can_never_decide() -> None:
    with pytest.raises(ValueError, match="two versions"):
        tests.pairs_needed(0.05, versions=1)


def test_the_bootstrap_interval_is_that_of_a_mean() -> None:
    rng = np.random.default_rng(20)
    values = rng.standard_normal(400) + 3
    lower, upper = tests.bootstrap_mean(values, rng)
    half = 1.96 * values.std() / 20
    assert (lower, upper) == (pytest.approx(values.mean() - half, abs=0.02), pytest.approx(values.mean() + half, abs=0.02))
    narrow = tests.bootstrap_mean(values, rng, confidence=0.5)
    assert lower < narrow[0] < values.mean() < narrow[1] < upper
    assert tests.bootstrap_mean([2.0, 2.0], rng) == (2, 2)


def test_the_bootstrap_interval_covers() -> None:
    rng = np.random.default_rng(21)
    intervals = [tests.bootstrap_mean(rng.standard_normal(50), rng, resamples=200) for _ in range(600)]
    assert 0.91 < np.mean([low <= 0 <= high for low, high in intervals]) < 0.97


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_an_interval_needs_two_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite values"):
        tests.bootstrap_mean(values, np.random.default_rng(0))
