from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.reports import format as fmt
from llm_audit.results import Authorship, Share, Statistic, Verdict
from tests.reports.factory import attributed, detector, undecided


@pytest.mark.parametrize(
    ("p", "shown"),
    [
        (0.0312, "0.031"),
        (0.5, "0.5"),
        (0.05, "0.05"),
        (0.0005, "0.0005"),
        (1 / 2000, "0.0005"),
        (1e-5, "0.00001"),
        (3.21e-6, "0.0000032"),
        (1e-7, "< 0.000001"),
        (0.0, "< 0.000001"),
        (0.9999, "> 0.99"),
        (1.0, "1"),
    ],
)
def test_p_values_read_plainly(p: float, shown: str) -> None:
    assert fmt.p_value(p) == shown


@given(st.floats(0, 1), st.sampled_from([0.1, 0.05, 0.01, 0.001]))
def test_rounding_never_crosses_the_threshold_and_never_shows_zero(p: float, alpha: float) -> None:
    shown = fmt.p_value(p, alpha)
    assert shown not in {"0", "", "."} and "e" not in shown
    if shown[0].isdigit():
        assert float(shown) > 0
        assert (float(shown) <= alpha) == (p <= alpha)
        assert float(shown) == pytest.approx(p, rel=0.051)


@pytest.mark.parametrize(
    ("e", "shown"),
    [
        (0.0, "0"),
        (0.3, "0.3"),
        (0.0012, "0.0012"),
        (0.00012, "1.2 × 10^−4"),
        (3.19e-12, "3.1 × 10^−12"),
        (5e-324, "5 × 10^−324"),
        (1.0, "1"),
        (12.34, "12"),
        (1299.0, "1,200"),
        (9999.0, "9,900"),
        (1e4, "1 × 10^4"),
        (1.29e34, "1.2 × 10^34"),
        (1e300, "1 × 10^300"),
    ],
)
def test_e_values_read_plainly(e: float, shown: str) -> None:
    assert fmt.e_value(e) == shown


def test_an_e_value_is_never_shown_as_more_than_it_is() -> None:
    assert fmt.e_value(math.nextafter(100, 0)) == "99"
    assert fmt.e_value(100.0) == "100"


@given(st.floats(1e-300, 1e308))
def test_an_e_value_keeps_its_size(e: float) -> None:
    mantissa, _, exponent = fmt.e_value(e).replace(",", "").replace("−", "-").partition(" × 10^")
    shown = float(f"{mantissa}e{exponent or 0}")
    assert 0.9 * e < shown <= e


def test_columns_have_no_negative_zero() -> None:
    assert [fmt.decimal(value) for value in (-0.001, -0.25, 1234.5)] == ["0.00", "−0.25", "1,234.50"]


def test_a_guarantee_is_exact_or_measured_or_neither() -> None:
    exact, calibrated = attributed().attributions[0], undecided().attributions[0]
    assert fmt.guarantee(exact) == "exact"
    assert fmt.guarantee(calibrated) == "calibrated"
    assert fmt.guarantee(exact.model_copy(update={"exact": False})) == "approximate"


def test_sets_of_one_and_of_several_are_named() -> None:
    said = [(fmt.set_name(found), fmt.set_labels(found)[Authorship.NOT_WRITTEN_BY][1]) for found in attributed().sets]
    assert said == [("The sanctioned model", "Not written by"), ("The 2 other models", "Written by none of them")]


def test_just_above_the_threshold_is_shown_above_it() -> None:
    assert fmt.p_value(0.0504, 0.05) == "0.0504"
    assert fmt.p_value(0.0504) == "0.05"


def test_the_floor_is_named() -> None:
    assert fmt.p_statement(0.0005, 0.0005) == "p = 0.0005, the smallest this population can give"
    assert fmt.p_statement(0.001, 0.0005) == "p = 0.001"
    assert fmt.p_statement(1e-9) == "p < 0.000001"
    assert fmt.p_cell(1 / 2000, 0.0005) == "≤ 0.0005"
    assert fmt.p_cell(0.001, 0.0005) == "0.001"
    assert fmt.p_cell(None) == "–"


@pytest.mark.parametrize(
    ("p", "often"),
    [
        (1.0, "at most about 100 times in 100"),
        (0.14, "at most about 14 times in 100"),
        (0.0312, "at most about 1 time in 32"),
        (1 / 1996, "at most about 1 time in 2,000"),
        (0.0, "less than 1 time in 1,000,000"),
    ],
)
def test_frequencies(p: float, often: str) -> None:
    assert fmt.how_often(p) == often


def test_heat_levels() -> None:
    assert [fmt.heat(p) for p in (None, 1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.0)] == [None, 0, 1, 2, 3, 4, 5, 5]
    assert len(fmt.heat_names()) == 6


def test_moments_are_in_utc() -> None:
    assert fmt.moment("2025-11-21T04:12:07Z") == "21 November 2025, 04:12 UTC"
    assert fmt.moment("2025-11-21T04:12:07+02:00") == "21 November 2025, 02:12 UTC"
    assert fmt.moment("yesterday") == "yesterday"


def test_shares_say_what_moved_a_statistic() -> None:
    plain = detector("AUD110", "Trained classifier", Statistic(name="classifier", value=0.75, unit="logit"), 0.5, Verdict.PASS)
    shared = (Share(name="states of layer 12", value=1.25), Share(name="entropy", value=-0.5))
    result = plain.model_copy(update={"shares": shared})
    assert fmt.shares(result) == "states of layer 12 +1.25, entropy −0.5"
    assert fmt.shares(result, 1) == "states of layer 12 +1.25 and 1 smaller ones"
