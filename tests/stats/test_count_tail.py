"""Tails of counts against scipy and against fractions, also where floats underflow."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from llm_audit.stats import count_tail


def test_by_hand() -> None:
    assert math.exp(count_tail.binomial(2, 3, 0.5)) == pytest.approx(0.5)
    assert count_tail.binomial(0, 10, 0.25) == 0.0
    assert count_tail.hypergeometric(2, 2, 4, 2) == pytest.approx(math.log(1 / 6))
    assert count_tail.hypergeometric(1, 3, 4, 2) == 0.0  # there are only two unmarked ones
    assert count_tail.hypergeometric(3, 3, 4, 2) == -math.inf


@given(st.integers(0, 60), st.integers(1, 60), st.integers(1, 19))
def test_the_binomial_tail_is_that_of_fractions(successes: int, trials: int, twentieths: int) -> None:
    successes = min(successes, trials)
    share = Fraction(twentieths, 20)
    exact = sum(math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes, trials + 1))
    assert count_tail.binomial(successes, trials, float(share)) == pytest.approx(math.log(exact), abs=1e-10)


def test_tails_agree_with_scipy_and_go_on_where_it_ends() -> None:
    assert count_tail.binomial(300, 1000, 0.25) == pytest.approx(binom.logsf(299, 1000, 0.25), rel=1e-10)
    assert count_tail.hypergeometric(40, 60, 1000, 500) == pytest.approx(hypergeom.logsf(39, 1000, 500, 60), rel=1e-9)
    assert binom.sf(9999, 10000, 0.25) == 0.0
    assert count_tail.binomial(10000, 10000, 0.25) == pytest.approx(10000 * math.log(0.25))


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot succeed"):
        count_tail.binomial(4, 3, 0.5)
    with pytest.raises(ValueError, match="cannot be drawn"):
        count_tail.hypergeometric(1, 5, 4, 2)
