"""Quantiles of Beta laws against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaincinv

from llm_audit.stats import beta


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(1e-9, 1 - 1e-9))
def test_a_quantile_is_scipys(a: int, b: int, probability: float) -> None:
    assert beta.quantile(a, b, probability) == pytest.approx(betaincinv(a, b, probability), rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1), (1, 11_453), (11_453, 1), (1, 200_000), (200_000, 1), (115, 11_338), (199_000, 900)]
)
@pytest.mark.parametrize("probability", [1e-12, 1e-6, 0.025, 0.5, 0.975, 1 - 1e-6, 1 - 1e-12])
def test_a_quantile_at_the_edges(a: int, b: int, probability: float) -> None:
    x = beta.quantile(a, b, probability)
    assert x == pytest.approx(betaincinv(a, b, probability), rel=1e-12)
    assert 0 < x <= 1


def test_a_closed_form() -> None:
    """Beta(1, b): x = 1 - (1 - P)^(1 / b)."""
    for b in (1, 3, 50):
        assert beta.quantile(1, b, 0.95) == pytest.approx(-np.expm1(np.log(0.05) / b), rel=1e-14)


@pytest.mark.parametrize(("a", "b", "probability"), [(0, 5, 0.5), (5, 0, 0.5), (5, 5, 0.0), (5, 5, 1.0), (5, 5, float("nan"))])
def test_there_is_no_other_quantile(a: int, b: int, probability: float) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        beta.quantile(a, b, probability)
