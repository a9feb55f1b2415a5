"""The pictures of a trace, read off the page as a reader would: from the labels of their axes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from llm_audit.reports import render_html
from llm_audit.reports.attribution import ROWS, pictures
from llm_audit.results import Attribution, Document, Trace
from tests.reports import factory
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


@dataclass
class Plot:
    """One picture of a page, with what the labels of its axes say about places."""

    svg: str
    after: str

    @classmethod
    def find(cls, page: str, name: str) -> Plot:
        (start,) = [match.start() for match in re.finditer(f'<svg class="chart {name}"', page)]
        end = page.index("</figure>", start)
        return cls(page[start : page.index("<figcaption", start)], page[start:end])

    def upright(self, at: str | float) -> float:
        """The value at a height, interpolated between labelled ticks."""
        ticks = re.findall(r'<text x="0" y="([\d.]+)%" dx="-.5em"[^>]*>([^<]+)</text>', self.svg)
        places, values = zip(*((float(y), number(label)) for y, label in ticks), strict=True)
        return float(np.interp(float(at), places[::-1], values[::-1]))

    def along(self, at: str | float) -> float:
        """The token at a place, likewise."""
        ticks = re.findall(r'<text x="([\d.]+)%" y="100%" dy="1.3em"[^>]*>([^<]+)</text>', self.svg)
        places, values = zip((0.0, 0.0), *((float(x), number(label)) for x, label in ticks), strict=True)
        slope = (values[-1] - values[-2]) / (places[-1] - places[-2])
        return values[-1] + (float(at) - places[-1]) * slope

    def one(self, pattern: str) -> tuple[str, ...]:
        (found,) = re.findall(pattern, self.svg)
        return found if isinstance(found, tuple) else (found,)

    def points(self) -> list[tuple[float, float]]:
        (line,) = self.one(r'<polyline class="line" points="([^"]+)"')
        return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def number(label: str) -> float:
    return float(label.replace("−", "-").replace(",", ""))


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


def test_the_threshold_is_drawn_at_its_height_and_named(page: str) -> None:
    plot = Plot.find(page, "evidence")
    left, right = plot.one(r'<line class="threshold" x1="0" y1="([\d.]+)%" x2="100%" y2="([\d.]+)%"/>')
    assert left == right
    assert plot.upright(left) == pytest.approx(THRESHOLD, abs=0.01)
    assert plot.one(r">(log\(1/α\) = [\d.]+)<") == ("log(1/α) = 4.61",)


def test_the_crossing_is_marked_at_its_token_and_on_the_line(page: str, trace: Trace) -> None:
    plot, crossed = Plot.find(page, "evidence"), first_over(trace)
    x, y = plot.one(r'<circle class="crossing" cx="([\d.]+)%" cy="([\d.]+)%"')
    assert plot.along(x) == pytest.approx(crossed, abs=0.02)
    assert plot.upright(y) == pytest.approx(trace.log_e[crossed - 1], abs=0.02)
    assert (float(x), float(y)) in plot.points()
    assert f">reached at token {crossed}<" in plot.svg
    (flagged,) = re.findall(r'<tr class="stands-out"><td>(\d+)</td>.*threshold reached', page)
    assert int(flagged) == crossed


def test_nothing_is_marked_where_the_threshold_is_not_reached() -> None:
    fitting = factory.trace(fits=True)
    assert max(fitting.log_e) < THRESHOLD
    page = page_of(fitting)
    plot = Plot.find(page, "evidence")
    assert "crossing" not in plot.after and "never reached" in plot.after and "threshold reached" not in page


def test_the_path_starts_at_zero_and_passes_every_token(page: str, trace: Trace) -> None:
    plot = Plot.find(page, "evidence")
    assert [plot.upright(y) for _, y in plot.points()] == pytest.approx([0, *trace.log_e], abs=0.02)
    assert [plot.along(x) for x, _ in plot.points()] == pytest.approx(range(121), abs=0.05)


def test_bars_and_line_are_the_surprisal_and_the_entropy(page: str, trace: Trace) -> None:
    plot = Plot.find(page, "surprisal")
    (path,) = plot.one(r'<path class="bars" d="([^"]+)"')
    bars = re.findall(r"M([\d.]+) 100V([\d.]+)H([\d.]+)V100Z", path)
    assert "".join(f"M{x} 100V{y}H{right}V100Z" for x, y, right in bars) == path
    possible = [(token, value) for token, value in enumerate(trace.surprisal, start=1) if value is not None]
    assert [math.ceil(plot.along(x)) for x, _, _ in bars] == [token for token, _ in possible]
    assert [math.ceil(plot.along(right)) for _, _, right in bars] == [token for token, _ in possible]
    assert [plot.upright(y) for _, y, _ in bars] == pytest.approx([value for _, value in possible], abs=0.02)
    assert [plot.upright(y) for _, y in plot.points()] == pytest.approx(list(trace.entropy), abs=0.02)


def test_an_impossible_token_is_marked_at_the_top_edge_and_in_the_table(page: str) -> None:
    plot = Plot.find(page, "surprisal")
    x, y = plot.one(r'<svg class="cross" x="([\d.]+)%" y="([\d.]+)"')
    assert (math.ceil(plot.along(x)), y) == (factory.IMPOSSIBLE, "0")
    assert plot.svg.count(">impossible<") == 1 and "impossible under these settings: 1 token" in plot.after
    assert re.findall(r"<tr[^>]*><td>(\d+)</td>.* impossible</td>", page) == [str(factory.IMPOSSIBLE)]
    assert "cross" not in Plot.find(page_of(factory.trace(fits=True)), "surprisal").after


def test_the_mean_gap_leaves_the_impossible_out(page: str, trace: Trace) -> None:
    plot = Plot.find(page, "gap")
    pairs = [(s, h) for s, h in zip(trace.surprisal, trace.entropy, strict=True) if s is not None]
    whole = float(np.mean([s - h for s, h in pairs]))
    (x, y), *_, (end, last) = plot.points()
    assert (plot.along(x), plot.along(end)) == pytest.approx((10, 120), abs=0.02)
    assert plot.upright(y) == pytest.approx(np.mean([s - h for s, h in pairs[:10]]), abs=0.01)
    assert plot.upright(last) == pytest.approx(whole, abs=0.01)
    assert f"it is {whole:.3f} nats per token" in plot.after


def test_the_histogram_counts_every_possible_token(page: str, trace: Trace) -> None:
    plot = Plot.find(page, "histogram")
    values = [value for value in trace.pit if value is not None]
    expected, _ = np.histogram(values, bins=10, range=(0, 1))
    bars = re.findall(r'<rect class="bars" x="(\d+)%" y="([\d.]+)%" width="8%" height="([\d.]+)%"/>', plot.svg)
    assert [int(x) for x, _, _ in bars] == [10 * bin + 1 for bin in range(10)]
    assert [plot.upright(y) for _, y, _ in bars] == pytest.approx(list(expected), abs=0.02)
    assert all(float(y) + float(height) == pytest.approx(100) for _, y, height in bars)
    table = re.findall(r'<th scope="row">0\.\d to [01]\.\d</th><td class="number">(\d+)</td>', page)
    assert [int(count) for count in table] == list(expected)
    assert sum(expected) == len(values) == 119


def test_the_ends_of_the_transform_have_a_bin() -> None:
    trace = factory.trace(fits=True)
    drawn = pictures(trace.model_copy(update={"pit": (0.0, 1.0, *trace.pit[2:])}), None, ALPHA)
    assert drawn and drawn.histogram and sum(drawn.histogram.counts) == 120


@pytest.mark.parametrize("n", [120, 1000, 3999])
def test_the_band_is_close_to_the_exact_binomial_one(n: int) -> None:
    drawn = pictures(factory.trace(n, fits=True), None, ALPHA)
    assert drawn and drawn.histogram
    lower, upper = binom.interval(0.95, n, 0.1)
    assert drawn.histogram.expected == n / 10
    assert drawn.histogram.lower == pytest.approx(lower, abs=1.01)
    assert drawn.histogram.upper == pytest.approx(upper, abs=1.01)


def test_expected_line_and_band_are_drawn_at_their_heights(page: str) -> None:
    plot = Plot.find(page, "histogram")
    drawn = [plot.upright(y) for y in re.findall(r'<line class="(?:edge|expected)" x1="0" y1="([\d.]+)%"', plot.svg)]
    sd = math.sqrt(119 * 0.1 * 0.9)
    assert drawn == pytest.approx([11.9 + 1.96 * sd, 11.9 - 1.96 * sd, 11.9], abs=0.02)


def token_rows(page: str) -> list[list[str]]:
    table = page[page.index('<details class="tokens">') :]
    rows = re.findall(r"<tr[^>]*><td>.*?</tr>", table[: table.index("</table>")])
    return [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


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
    plot = Plot.find(page_of(trace.model_copy(update={"log_e": tuple(log_e)})), "evidence")
    x, y = plot.one(r'<circle class="crossing" cx="([\d.]+)%" cy="([\d.]+)%"')
    assert plot.along(x) == pytest.approx(701, abs=0.2)
    assert plot.upright(y) == pytest.approx(50, abs=0.02)
    assert (float(x), float(y)) in plot.points()


def test_without_text_tokens_are_named_by_place() -> None:
    page = render_html(factory.attribution_report(factory.undecided()))
    assert token_rows(page)[0][1] == "characters 0 to 3"


@pytest.mark.parametrize("n", [1, 2, 9, 11])
def test_very_short_traces_are_drawn(n: int) -> None:
    page = page_of(factory.trace(n, fits=True))
    assert len(token_rows(page)) == n
    assert ('class="chart gap"' in page) == (n >= 10)


def test_a_trace_without_tokens_is_not_drawn() -> None:
    empty = Trace(start=(), end=(), surprisal=(), entropy=(), log_e=(), pit=())
    assert 'class="chart' not in page_of(empty)


def test_a_trace_of_impossible_tokens_is_drawn() -> None:
    trace = factory.trace(12, fits=True).model_copy(update={"surprisal": (None,) * 12, "pit": (None,) * 12})
    page = page_of(trace)
    assert len(re.findall(r'<svg class="cross" x=', page)) == 12
    assert page.count(">impossible<") == 1 and 'class="chart histogram"' not in page


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30), st.sampled_from([0.1, 0.05, 0.001]))
def test_labels_tell_the_truth_and_nothing_leaves_the_picture(log_e: list[float], alpha: float) -> None:
    trace = factory.trace(len(log_e), fits=True).model_copy(update={"log_e": tuple(log_e)})
    drawn = pictures(trace, None, alpha)
    assert drawn
    axis = drawn.evidence.axis
    assert 3 <= len(axis.ticks) <= 8
    for tick in axis.ticks:
        assert axis.place(number(tick.label)) == pytest.approx(tick.at, abs=0.011)
    heights = [float(point.split(",")[1]) for point in drawn.evidence.line.split()]
    assert min(heights) >= 0 and max(heights) <= 100
    assert 0 <= axis.place(math.log(1 / alpha)) < 100


def test_pictures_name_themselves(page: str) -> None:
    for name in ("surprisal", "gap", "evidence", "histogram"):
        plot = Plot.find(page, name)
        assert plot.one(r'<svg class="chart \w+" role="img" aria-labelledby="(\S+) (\S+)">') == (
            plot.one(r'<title id="(\S+)">')[0],
            plot.one(r'<desc id="(\S+)">')[0],
        )
    found = re.findall(r' id="([^"]+)"', render_html(factory.attribution_report()))
    assert len(found) == len(set(found))


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
        "Sets of candidates",
        "Evidence on",
        "Surprisal and entropy",
        "Compared with human writing",
        "The text",
    )
    places = [text.index(part) for part in (*parts, "Notes on this document", "What this does not prove")]
    assert places == sorted(places)
    assert "p = 0.0015" in text[places[4] :]


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
    assert ".chart" not in page and "Candidate" not in page
