"""Distances by hand, and what is not compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.detectors.substitution.distance import of_tables


def test_by_hand() -> None:
    ours, theirs = {1: -0.5, 2: -1.0, 3: -3.0}, {1: -0.6, 2: -1.2, 4: -2.0}
    # Token 3 is missing there: taken as their smallest, -2; token 4 here: as ours, -3.
    assert of_tables(ours, theirs) == pytest.approx((0.1 + 0.2 + 1.0 + 1.0) / 4)


def test_longer_tables_are_cut_to_the_shorter() -> None:
    assert of_tables({1: -0.1, 2: -3.0}, {1: -0.1, 2: -3.0, 3: -9.0}) == 0.0


def test_tables_without_a_common_token_are_far_apart() -> None:
    assert of_tables({1: -0.1, 2: -5.0}, {3: -0.1, 4: -5.0}) == pytest.approx((4.9 + 0 + 4.9 + 0) / 4)


tables = st.dictionaries(st.integers(0, 9), st.floats(-20, 0), min_size=1, max_size=10)


@given(tables, tables)
def test_a_distance_is_symmetric_finite_and_zero_for_the_same(one: dict[int, float], other: dict[int, float]) -> None:
    assert of_tables(one, other) == pytest.approx(of_tables(other, one))
    assert math.isfinite(of_tables(one, other)) and of_tables(one, other) >= 0
    assert of_tables(one, one) == 0


def test_a_coarser_rounding_is_farther() -> None:
    rng = np.random.default_rng(1)
    table = {i: float(value) for i, value in enumerate(-rng.exponential(3, 20))}

    def moved(size: float) -> float:
        return of_tables(table, {i: value + size * float(rng.normal()) for i, value in table.items()})

    assert moved(0.001) < moved(0.01) < moved(0.1) < moved(1.0)
