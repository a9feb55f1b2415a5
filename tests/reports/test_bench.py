"""The benchmark's reports: complete, escaped, the same bytes for the same numbers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.terminal.benchmark import print_benchmark
from llm_audit.reports.views.benchmark import unfair
from llm_audit.results import FalseAlarms, Interval
from tests.reports import factory
from tests.reports.measured import FOUND
from tests.reports.plots import Plot

REPORT = factory.benchmark_report(FOUND)


def test_the_page_shows_every_number_and_runs_nothing() -> None:
    page = render_html(REPORT)
    assert page == render_html(REPORT)
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "http" not in page.replace("http-equiv", "")
    for piece in (
        "1,200",
        "0.012 [0.004, 0.030]",
        "25.0\N{NO-BREAK SPACE}%",
        "1.2\N{NO-BREAK SPACE}% [0.4, 3.0]",
        "b" * 64,
        "3 repeated texts",
    ):
        assert piece in page


def test_the_curve_lies_on_the_diagonal_where_the_promise_is_kept() -> None:
    plot = Plot(render_html(REPORT), "calibration")
    diagonal, curve = plot.line("promise"), plot.line("curve")
    assert curve[0] == diagonal[0] and curve[-1] == diagonal[1]
    share = (curve[1][0] - curve[0][0]) / (curve[2][0] - curve[0][0])
    assert share == pytest.approx(2 / 3, abs=1e-3) == (curve[1][1] - curve[0][1]) / (curve[2][1] - curve[0][1])


def test_the_terminal_shows_the_combination_or_with_fairness_every_detector() -> None:
    shown = {}
    for fairness in (False, True):
        stream = io.StringIO()
        print_benchmark(FOUND, Console(file=stream, width=160), fairness=fairness)
        shown[fairness] = stream.getvalue()
    assert "learner" in shown[True]
    assert "AUROC" in shown[False]
    assert "AUROC" not in shown[True]
    assert "\x1b[31m" not in shown[False]


@pytest.mark.parametrize(
    ("detector", "n", "flagged", "found"),
    [
        (FOUND.combined, 150, 4, True),
        (FOUND.combined, 150, 3, False),
        (FOUND.combined, 149, 40, False),
        ("other", 900, 90, False),
    ],
)
def test_fairness_names_the_groups_of_150_texts_above_twice_the_nominal_rate(
    detector: str, n: int, flagged: int, found: bool
) -> None:
    one = Interval(value=flagged / n, lower=0.0, upper=0.5)
    row = FalseAlarms(detector=detector, by="level", group="B1\x1b[31m", n=n, at_5_percent=one, at_1_percent=one)
    judged = FOUND.model_copy(update={"false_alarms": (row,)})
    assert unfair(judged) == ([row] if found else [])
    stream = io.StringIO()
    print_benchmark(judged, Console(file=stream, width=160), fairness=True)
    said = stream.getvalue().splitlines()[-1]
    assert said.startswith("Flagged more than twice as often as alpha .01 says, of groups of 150 texts or more: ")
    assert said.endswith("level B1\\x1b[31m." if found else "none.") and "\x1b" not in said
