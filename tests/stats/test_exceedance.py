"""Exact by enumeration, size with and without ties, coverage of the interval, and the planner's arithmetic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from llm_audit.stats import classification, exceedance
from llm_audit.stats.conformal import Interval
from tests.stats.laws import assert_size

RUNS = 10_000
tail = cache(exceedance.tail)
interval = cache(exceedance.rate_interval)


def power(n: int, rate: float, honest: int, alpha: float) -> float:
    """P(p <= alpha) with n requests, of which each lies above with probability `rate`."""
    needed = exceedance.needed_above(n, honest, alpha)
    return 0.0 if needed is None else float(binom.sf(needed - 1, n, rate))


@pytest.mark.parametrize(("n", "honest"), [(4, 5), (3, 4), (5, 3), (1, 6)])
def test_tail_against_all_arrangements(n: int, honest: int) -> None:
    counts = []
    for places in itertools.combinations(range(n + honest), n):
        others = sorted(set(range(n + honest)) - set(places))
        counts.append(sum(place > others[-1] for place in places))
    for above in range(n + 1):
        assert tail(above, n, honest) == float(Fraction(sum(c >= above for c in counts), len(counts)))


def test_tail_by_hand_and_at_its_floor() -> None:
    assert tail(1, 1, 99) == 0.01
    assert tail(3, 60, 1000) == math.comb(60, 3) / math.comb(1060, 3)
    assert tail(0, 60, 1000) == 1
    assert tail(2000, 2000, 2000) == np.finfo(np.float64).tiny


def test_the_finding_by_hand() -> None:
    found = exceedance.exceedance([3.0, 5.0, 6.0, np.inf], [1.0, 5.0, 2.0, 4.0])
    assert found == (2, 5.0, math.comb(4, 2) / math.comb(8, 2), 1 / math.comb(8, 4))  # the tie counts as honest


def test_size_and_ties() -> None:
    rng = np.random.default_rng(1)
    for discrete in (False, True):
        pooled = rng.integers(0, 30, (RUNS, 120)).astype(float) if discrete else rng.standard_normal((RUNS, 120))
        p = np.array([exceedance.exceedance(row[:40], row[40:]).p_value for row in pooled])
        assert_size(p)
        attained = max(tail(k, 40, 80) for k in range(41) if tail(k, 40, 80) <= 0.05)
        if not discrete:  # the law is exact, so the largest attainable level is attained
            assert binomtest(int((p <= 0.05).sum()), RUNS, attained).pvalue > 1e-3


def test_a_twentieth_is_found_in_sixty_to_a_hundred_requests() -> None:
    """5 % of the requests far away: the number that the plan says, with the power that it says."""
    n = exceedance.requests_needed(0.05, 2000, 0.01)
    assert n is not None
    assert n == 77
    rng = np.random.default_rng(5)
    honest = np.sort(rng.standard_normal((RUNS, 2000)), axis=1)[:, -1:]
    above = (rng.standard_normal((RUNS, n)) + 100 * (rng.random((RUNS, n)) < 0.05) > honest).sum(axis=1)
    found = np.mean([tail(int(k), n, 2000) <= 0.01 for k in above])
    assert found >= 0.9
    assert found == pytest.approx(power(n, 0.05, 2000, 0.01), abs=0.03)
    assert power(n - 1, 0.05, 2000, 0.01) < 0.9
    # With so many honest values that one request decides, it takes ln(1 / .05) / .05.
    assert exceedance.requests_needed(0.05, 5841, 0.01, wanted=0.95) == 59 == math.ceil(math.log(0.05) / math.log(0.95))


@given(st.integers(1, 60), st.integers(1, 2000), st.sampled_from([0.05, 0.01, 0.001]))
@settings(max_examples=60)
def test_the_plan_is_the_smallest_that_decides(n: int, honest: int, alpha: float) -> None:
    needed = exceedance.needed_above(n, honest, alpha)
    assert needed == next((k for k in range(n + 1) if tail(k, n, honest) <= alpha), None)


def test_plans_that_cannot_work() -> None:
    assert exceedance.needed_above(60, 60 * 99, 0.01) == 1
    assert exceedance.needed_above(60, 60 * 99 - 1, 0.01) == 2
    assert exceedance.needed_above(3, 3, 0.01) is None
    assert power(3, 1.0, 3, 0.01) == 0
    assert exceedance.requests_needed(0.05, 89, 0.01) is None  # .95^89 > .01
    assert exceedance.requests_needed(0.05, 200, 0.01, most=50) is None
    assert exceedance.requests_needed(0.05, 100, 0.01, most=1000) is None


def test_requests_needed_is_the_first_with_that_power() -> None:
    for rate, honest in ((0.05, 300), (0.3, 60), (1.0, 30)):
        n = exceedance.requests_needed(rate, honest, 0.01)
        assert n == next(n for n in range(1, 1000) if power(n, rate, honest, 0.01) >= 0.9)


@pytest.mark.parametrize(("n", "honest"), [(20, 50), (60, 200), (200, 1000), (300, 100)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
def test_coverage(n: int, honest: int, share: float) -> None:
    """10,000 audits, honest values anew in each; a fifth of the requests is substituted without being moved."""
    rng = np.random.default_rng(7)
    flagged = rng.beta(1, honest, RUNS)  # law of the false-flag rate at the largest of N
    others = rng.binomial(n, share, RUNS)
    hidden = rng.binomial(n - others, 0.2)
    above = others + rng.binomial(n - others - hidden, flagged)
    bounds = [interval(int(k), n, honest) for k in above]
    covered = sum(low <= share <= high for low, high in bounds)
    assert binomtest(covered, RUNS, 0.95, alternative="less").pvalue > 1e-3
    assert np.mean([low <= share for low, _ in bounds]) > 0.97
    assert np.mean([share <= high for _, high in bounds]) > 0.97


def test_the_false_flag_rate_has_that_law() -> None:
    """What `test_coverage` draws from: P(a value exceeds the largest of 50)."""
    sample = np.random.default_rng(8).random((RUNS, 50)).max(axis=1)
    assert np.mean(1 - sample) == pytest.approx(1 / 51, abs=0.002)
    assert np.std(1 - sample) == pytest.approx(math.sqrt(50 / 51**2 / 52), abs=0.002)


def test_the_interval_excludes_nothing_substituted_when_the_test_does() -> None:
    for above in range(41):
        low, high = interval(above, 40, 100)
        assert (low > 0) == (tail(above, 40, 100) <= 0.025)
        assert low <= above / 40 <= high
        assert high == pytest.approx(classification.binomial_interval(above, 40)[1])
    lows = [interval(above, 40, 100).lower for above in range(41)]
    assert lows == sorted(lows)


def test_with_many_honest_values_the_interval_is_nearly_that_of_a_known_rate() -> None:
    low, high = interval(12, 100, 10**6)
    assert (low, high) == pytest.approx(classification.binomial_interval(12, 100), abs=1e-4)
    assert isinstance(interval(12, 100, 1000), Interval)
    assert low > interval(12, 100, 200).lower > 0


def test_what_cannot_be_counted_is_refused() -> None:
    for values, honest in (([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.inf])):
        with pytest.raises(ValueError, match="value"):
            exceedance.exceedance(values, honest)
    with pytest.raises(ValueError, match="above"):
        tail(5, 4, 10)
    with pytest.raises(ValueError, match="alpha"):
        exceedance.needed_above(1, 4, 0.0)
