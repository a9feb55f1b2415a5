"""The tilted transform against convolution in fractions, against binomials far out, and for parts with different laws."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_audit.stats import count_tail, lattice_tail


def by_convolution(laws: list[tuple[list[Fraction], int]], observed: int) -> Fraction:
    law = [Fraction(1)]
    for pmf, count in laws:
        for _ in range(count):
            longer = [Fraction(0)] * (len(law) + len(pmf) - 1)
            for i, p in enumerate(law):
                for j, q in enumerate(pmf):
                    longer[i + j] += p * q
            law = longer
    return sum(law[max(observed, 0) :], start=Fraction(0))


@settings(max_examples=40)
@example(parts=[([0, 0, 1, 0], 4)], observed=9)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 6)), min_size=1, max_size=3),
    st.integers(0, 60),
)
def test_it_is_the_convolution(parts: list[tuple[list[int], int]], observed: int) -> None:
    laws = [([Fraction(w, sum(weights)) for w in weights], n) for weights, n in parts if sum(weights)]
    exact = by_convolution(laws, observed)
    found = lattice_tail.log_tail([([float(p) for p in pmf], n) for pmf, n in laws], observed)
    if exact == 0:
        assert found == -math.inf
    else:
        assert found == pytest.approx(math.log(exact), abs=1e-8)


@pytest.mark.parametrize(("n", "k"), [(100, 40), (400, 300), (10_000, 2_600), (10_000, 9_000), (50, 0), (50, 50)])
def test_far_tails_keep_their_relative_accuracy(n: int, k: int) -> None:
    assert lattice_tail.log_tail([([0.75, 0.25], n)], k) == pytest.approx(count_tail.binomial(k, n, 0.25), rel=1e-9, abs=1e-9)


def test_a_poisson_binomial_of_many_shares() -> None:
    shares = [Fraction(k, 20) for k in range(1, 20)]
    laws = [([1 - p, p], 1) for p in shares]
    for observed in (3, 10, 17, 19):
        found = lattice_tail.log_tail([([float(q) for q in pmf], n) for pmf, n in laws], observed)
        assert found == pytest.approx(math.log(by_convolution(laws, observed)), abs=1e-9)


def test_many_tails_at_once_are_those_one_by_one() -> None:
    pmf = np.array([0.2, 0.0, 0.5, 0.3])
    observed = list(range(0, 125, 3))
    alone = [lattice_tail.log_tail([(pmf, 40)], x) for x in observed]
    assert np.allclose(np.exp(lattice_tail.log_tails(pmf, 40, observed)), np.exp(alone), rtol=1e-7, atol=0)


def test_probabilities_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        lattice_tail.log_tail([([0.5, 0.4], 3)], 1)
