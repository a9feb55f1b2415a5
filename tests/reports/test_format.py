from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.reports import format as fmt
from llm_audit.results import Share, Statistic, Verdict
from tests.reports.factory import detector


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
