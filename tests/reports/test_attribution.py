"""The pictures of a trace, read off the page as a reader would: from the labels of their axes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from llm_audit.reports.charts.figures import ROWS, path, value_ticks
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.views.attribution import pictures
from llm_audit.results import Attribution, Document, Trace
from tests.reports import factory
from tests.reports.plots import Plot, number
from tests.reports.test_html import words

ALPHA = 0.01
THRESHOLD = math.log(1 / ALPHA)


def alone(trace: Trace) -> Document:
    """A document with one candidate and this trace."""
    document = factory.attributed()
    return document.model_copy(
        update={"attributions": (document.attributions[1].model_copy(update={"trace": trace}),), "text": factory.prose(200)}
    )


def page_of(trace: Trace) -> str:
    return render_html(factory.attribution_report(alone(trace)))


@pytest.fixture(scope="module")
def refuted() -> Attribution:
    return factory.attributed().attributions[1]


@pytest.fixture(scope="module")
def trace(refuted: Attribution) -> Trace:
    assert refuted.trace
    return refuted.trace


@pytest.fixture(scope="module")
def page(trace: Trace) -> str:
    return page_of(trace)


def first_over(trace: Trace) -> int:
    return int(np.argmax(np.array(trace.log_e) >= THRESHOLD)) + 1


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_threshold_is_drawn_at_its_height_and_named(page: str, kind: str) -> None:
    plot = Plot(page, "path", kind)
    (_, left), (_, right) = plot.line("threshold")
    assert left == right
    assert plot.upright(left) == pytest.approx(THRESHOLD, abs=0.02)
    assert "log(1/α) = 4.61" in plot.labels


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_crossing_is_marked_at_its_token_and_on_the_line(page: str, trace: Trace, kind: str) -> None:
    plot, crossed = Plot(page, "path", kind), first_over(trace)
    x, y = plot.line("reached")[0]
    assert plot.along(x) == pytest.approx(crossed, abs=0.1)
    assert plot.upright(y) == pytest.approx(trace.log_e[crossed - 1], abs=0.02)
    assert (x, y) in plot.line()
    assert f"reached at token {crossed}" in plot.labels
    assert [row[0] for row in plot.rows() if "threshold reached" in row[0]] == [f"{crossed} threshold reached"]


def test_nothing_is_marked_where_the_threshold_is_not_reached() -> None:
    fitting = factory.trace(fits=True)
    assert max(fitting.log_e) < THRESHOLD
    page = page_of(fitting)
    plot = Plot(page, "path")
    assert not plot.shapes("reached") and not plot.shapes("crossing") and "never reached" in plot.caption
    assert "threshold reached" not in page


def test_the_path_starts_at_zero_and_passes_every_token(page: str, trace: Trace) -> None:
    plot = Plot(page, "path")
    assert [plot.upright(y) for _, y in plot.line()] == pytest.approx([0, *trace.log_e], abs=0.02)
    assert [plot.along(x) for x, _ in plot.line()] == pytest.approx(range(121), abs=0.05)
    assert [number(row[1]) for row in plot.rows()] == pytest.approx(trace.log_e, abs=0.0051)


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_bars_and_line_are_the_surprisal_and_the_entropy(page: str, trace: Trace, kind: str) -> None:
    plot = Plot(page, "surprisal", kind)
    bars = plot.shapes("bars")
    possible = [(token, value) for token, value in enumerate(trace.surprisal, start=1) if value is not None]
    assert [math.ceil(plot.along(bar[0][0])) for bar in bars] == [token for token, _ in possible]
    assert [math.ceil(plot.along(bar[2][0])) for bar in bars] == [token for token, _ in possible]
    assert [plot.upright(bar[1][1]) for bar in bars] == pytest.approx([value for _, value in possible], abs=0.02)
    assert [plot.upright(y) for _, y in plot.line()] == pytest.approx(list(trace.entropy), abs=0.02)


def test_an_impossible_token_is_marked_at_the_top_edge_and_in_the_table(page: str) -> None:
    plot = Plot(page, "surprisal")
    (left, low), (right, high) = plot.shapes("cross")[0]
    assert math.ceil(plot.along((left + right) / 2)) == factory.IMPOSSIBLE
    assert (low + high) / 2 == pytest.approx(plot.shapes("grid")[-1][0][1], abs=0.1)
    assert "impossible under these settings" in plot.labels and "1 token impossible" in plot.caption
    assert [row[0] for row in plot.rows() if "impossible" in row[2]] == [str(factory.IMPOSSIBLE)]
    fitting = Plot(page_of(factory.trace(fits=True)), "surprisal")
    assert not fitting.shapes("cross") and "impossible" not in fitting.caption


def test_the_mean_gap_leaves_the_impossible_out(page: str, trace: Trace) -> None:
    plot = Plot(page, "gap")
    pairs = [(s, h) for s, h in zip(trace.surprisal, trace.entropy, strict=True) if s is not None]
    whole = float(np.mean([s - h for s, h in pairs]))
    (x, y), *_, (end, last) = plot.line()
    assert (plot.along(x), plot.along(end)) == pytest.approx((10, 120), abs=0.05)
    assert plot.upright(y) == pytest.approx(np.mean([s - h for s, h in pairs[:10]]), abs=0.01)
    assert plot.upright(last) == pytest.approx(whole, abs=0.01)
    assert f"it is {whole:.3f} nats per token" in plot.caption


def test_the_histogram_counts_every_possible_token(page: str, trace: Trace) -> None:
    plot = Plot(page, "transform")
    values = [value for value in trace.pit if value is not None]
    expected, _ = np.histogram(values, bins=10, range=(0, 1))
    bars = plot.shapes("bars")
    assert [plot.along(bar[0][0]) for bar in bars] == pytest.approx([bin / 10 + 0.01 for bin in range(10)], abs=1e-3)
    assert [plot.upright(bar[1][1]) for bar in bars] == pytest.approx(list(expected), abs=0.05)
    assert all(plot.upright(bar[0][1]) == 0 for bar in bars)
    assert [int(row[1]) for row in plot.rows()] == list(expected)
    assert sum(expected) == len(values) == 119


def test_the_ends_of_the_transform_have_a_bin() -> None:
    trace = factory.trace(fits=True)
    drawn = pictures(trace.model_copy(update={"pit": (0.0, 1.0, *trace.pit[2:])}), None, ALPHA)
    assert drawn and drawn.transform and sum(drawn.transform.counts) == 120


@pytest.mark.parametrize("n", [120, 1000, 3999])
def test_the_band_is_close_to_the_exact_binomial_one(n: int) -> None:
    drawn = pictures(factory.trace(n, fits=True), None, ALPHA)
    assert drawn and drawn.transform
    lower, upper = binom.interval(0.95, n, 0.1)
    assert drawn.transform.expected == n / 10
    assert drawn.transform.lower == pytest.approx(lower, abs=1.01)
    assert drawn.transform.upper == pytest.approx(upper, abs=1.01)


def test_expected_line_and_band_are_drawn_at_their_heights(page: str) -> None:
    plot = Plot(page, "transform")
    drawn = [plot.upright(line[0][1]) for line in (*plot.shapes("edge"), plot.line("expected"))]
    sd = math.sqrt(119 * 0.1 * 0.9)
    assert drawn == pytest.approx([11.9 - 1.96 * sd, 11.9 + 1.96 * sd, 11.9], abs=0.05)


def token_rows(page: str) -> list[list[str]]:
    return Plot(page, "surprisal").rows()


def test_a_short_text_has_a_row_for_every_token(page: str, trace: Trace) -> None:
    found = token_rows(page)
    assert [int(row[0]) for row in found] == list(range(1, 121))
    text = factory.prose()
    assert [row[1] for row in found[:4]] == text.split()[:4]
    for row, surprisal, entropy, log_e, pit in zip(found, trace.surprisal, trace.entropy, trace.log_e, trace.pit, strict=True):
        assert row[2].strip() == ("impossible" if surprisal is None else f"{surprisal:.2f}")
        assert [number(cell) for cell in row[3:5]] == pytest.approx([entropy, log_e], abs=0.0051)
        assert row[5] == ("–" if pit is None else f"{pit:.2f}")


def test_a_long_text_has_rows_for_equal_blocks() -> None:
    trace = factory.trace(1001, fits=False, impossible=500)
    page = page_of(trace)
    found = token_rows(page)
    assert len(found) == 334 <= ROWS
    assert (found[0][0], found[-1][0]) == ("1–3", "1,000–1,001")
    assert all(len(row) == 5 for row in found)
    assert [number(row[3]) for row in found[:333]] == pytest.approx(
        np.reshape(trace.entropy[:999], (333, 3)).mean(1), abs=0.0051
    )
    assert [number(row[4]) for row in found] == pytest.approx([*trace.log_e[2::3], trace.log_e[-1]], abs=0.0051)
    (row,) = [row for row in found if "impossible" in row[2]]
    assert row[0] == "499–501" and row[2] == f"{np.mean([trace.surprisal[498], trace.surprisal[500]]):.2f} 1 impossible"
    assert "in blocks of 3" in page


def test_a_crossing_within_a_block_is_still_exact() -> None:
    trace = factory.trace(1001, fits=False)
    log_e = [0.0] * 1001
    log_e[700] = 50.0  # token 701, the second of its block
    plot = Plot(page_of(trace.model_copy(update={"log_e": tuple(log_e)})), "path")
    x, y = plot.line("reached")[0]
    assert plot.along(x) == pytest.approx(701, abs=0.5)
    assert plot.upright(y) == pytest.approx(50, abs=0.1)
    assert (x, y) in plot.line()


def test_without_text_tokens_are_named_by_place() -> None:
    page = render_html(factory.attribution_report(factory.undecided()))
    assert token_rows(page)[0][1] == "characters 0 to 3"


@pytest.mark.parametrize("n", [1, 2, 9, 11])
def test_very_short_traces_are_drawn(n: int) -> None:
    page = page_of(factory.trace(n, fits=True))
    assert len(token_rows(page)) == n
    assert ('class="chart gap wide"' in page) == (n >= 10)


def test_a_trace_without_tokens_is_not_drawn() -> None:
    empty = Trace(start=(), end=(), surprisal=(), entropy=(), log_e=(), pit=())
    assert 'class="chart surprisal' not in page_of(empty)


def test_a_trace_of_impossible_tokens_is_drawn() -> None:
    trace = factory.trace(12, fits=True).model_copy(update={"surprisal": (None,) * 12, "pit": (None,) * 12})
    page = page_of(trace)
    assert len(Plot(page, "surprisal").shapes("cross")) == 24
    assert "chart transform" not in page


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e9), st.integers(2, 8))
def test_ticks_are_round_and_hold_what_is_drawn(low: float, width: float, most: int) -> None:
    ticks = value_ticks(low, low + width, most)
    values = [value for value, _ in ticks]
    assert values[0] <= low + 1e-6 * width and values[-1] >= (low + width) - 1e-6 * width
    assert 2 <= len(ticks) <= most + 3
    step = values[1] - values[0]
    for value, label in ticks:
        assert number(label) == pytest.approx(value, abs=1e-3 * step)


def test_the_narrowest_path_is_drawn() -> None:
    for log_e in ([0.0], [1e4], [-1e4, 1e4]):
        assert len(path(log_e, ALPHA, "token").rows) == len(log_e)


def test_candidates_come_with_settings_context_verdict_and_number() -> None:
    text = words(render_html(factory.attribution_report(factory.attributed())))
    assert "Sanctioned model = Written by p = 0.43 exact" in text
    assert "Other model ≠ Not written by p = 0.0000023 exact" in text
    assert "– Not assessable Its weights are damaged" in text
    assert "Settings one of these, unknown which: temperature 0.7, top-k 50; temperature 1, top-k 50" in text
    assert "Taken to have read the prompt given (48 characters, SHA-256 0f2a11c95d3e), through its chat template" in text
    assert "The sanctioned model = Written by p = 0.43 e = 1.1 × 10 −34" in text
    assert "One of the other models wrote the text." in text


def test_a_test_comes_with_its_numbers_its_reason_and_what_they_rest_on() -> None:
    text = words(render_html(factory.attribution_report(factory.attributed())))
    assert (
        "AUD204 Likelihood ratio against the rivals ○ No finding 1 1 × 10 −34 likelihood-ratio −78.2 nats 1, 2, 3 "
        "The rivals' mean likelihood is e^-78.20 times this model's." in text
    )
    assert (
        "These numbers rest on: The candidate read exactly this prompt, and nothing else, before it wrote the text. "
        "Its tokens were drawn with exactly these settings. Rivals with another tokenizer are compared at the ends of words."
        in text
    )


def test_the_parts_come_in_order() -> None:
    text = words(render_html(factory.attribution_report(factory.attributed())))
    parts = (
        "Candidates",
        "What this does not prove",
        "Sets of candidates",
        "Evidence on",
        "Surprisal and entropy",
        "Compared with human writing",
        "What was read",
    )
    places = [text.index(part) for part in (*parts, "Notes on this document", "Method and limits", "How to repeat this")]
    assert places == sorted(places)
    assert "p = 0.0015" in text[places[5] :]


def test_a_comparison_with_people_that_failed_says_why() -> None:
    failed = factory.not_assessable().combined
    text = words(render_html(factory.attribution_report(factory.attributed().model_copy(update={"combined": failed}))))
    assert failed and f"Compared with human writing {failed.reason}" in text


def test_the_overview_has_the_verdict_on_each_candidate() -> None:
    page = render_html(factory.attribution_report())
    text = words(page[page.index("<nav") : page.index("</nav>")])
    assert f"essays/river.txt = Written by : {factory.WRITER} ≠ Not written by : {factory.OTHER}" in text
    assert f"essays/island.txt ◇ Undecided : {factory.WRITER} essays/scan.pdf ✕ Unreadable" in text


def test_a_document_without_an_assessable_candidate_gets_no_statement() -> None:
    document = factory.attributed()
    nothing = document.model_copy(update={"attributions": document.attributions[2:], "sets": (), "combined": None})
    page = render_html(factory.attribution_report(nothing))
    assert 'class="document attribution not_assessable"' in page
    assert "No statement is made about who wrote this document." in page and "No finding" not in page
    assert "No statement" not in render_html(factory.attribution_report(document))


def test_other_reports_carry_nothing_of_this() -> None:
    page = render_html(factory.report())
    assert "Candidate" not in page
