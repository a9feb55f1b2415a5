"""An endpoint in every report: what is said of it, and the picture of its requests read off as a reader would."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.reports.formats.json import schema as json_schema
from llm_audit.reports.terminal.substitution import FAILURES_SHOWN
from llm_audit.reports.views.substitution import DOTS, FAILURES, dots, log_ticks
from llm_audit.results import Point, Served, Substitution, Verdict
from tests.reports import factory
from tests.reports.plots import Plot, number
from tests.reports.test_html import words
from tests.reports.test_membership import in_order
from tests.reports.test_terminal import in_ascii, printed
from tests.reports.test_terminal import words as terminal_words

KINDS = [factory.inconsistent, factory.consistent, factory.not_measured]


def page_of(found: Substitution) -> str:
    return render_html(factory.substitution_report(found))


def text_of(found: Substitution) -> str:
    text = words(page_of(found))
    return text[text.index("llm-audit report") :]


def test_the_parts_come_in_order() -> None:
    found = factory.inconsistent()
    in_order(
        text_of(found),
        *("Is this the model that was promised?", "121 requests, judged", found.claim, "▲ Inconsistent", found.summary),
        *(
            "What this does not prove",
            f"Endpoint {found.endpoint} Said to serve {found.model}",
            "Allowed variants any of these is as promised: F32 F16 BF16",
        ),
        *("The tests", "AUD401", "AUD402", "AUD403", "Request by request", "12 of 120 requests lie beyond"),
        *("Share of requests out of the honest range 10.0 [5.3, 16.8] %", "What the endpoint returned Log-prob"),
        *("Conditions, fixed before the first request Prompts", "What the audit cost Requests 121 Attempts 123"),
        *("3,448 of prompts, 952 of completions", "Failed requests 1 request without a usable answer."),
        *(
            "prompt 66, again server error The server answered 500. 3",
            "Notes on this endpoint",
            "Method and limits",
            "What the tests assume",
        ),
        *("Coverage", "How to repeat this"),
    )


@pytest.mark.parametrize(
    ("made", "said", "look"),
    [
        (factory.inconsistent, "▲ Inconsistent", "finding"),
        (factory.consistent, "○ Consistent", "pass"),
        (factory.not_measured, "– Not measured", "not_assessable"),
    ],
)
def test_the_verdict_is_one_of_three(made: Any, said: str, look: str) -> None:
    found = made()
    page, terminal = page_of(found), terminal_words(factory.substitution_report(found))
    others = {"▲ Inconsistent", "○ Consistent", "– Not measured"} - {said}
    for text in (words(page), terminal):
        assert said in text and not any(other in text for other in others)
    assert f'<article id="substitution" class="document tested {look}"' in page


def test_what_was_not_measured_is_not_a_pass() -> None:
    for found in (
        factory.not_measured(),
        factory.not_measured().model_copy(update={"verdict": Verdict.ERROR}),
        factory.not_measured().model_copy(update={"verdict": Verdict.INCONCLUSIVE, "tests": (), "failures": ()}),
    ):
        page = page_of(found)
        assert 'class="document tested not_assessable"' in page
        for text in (words(page), terminal_words(factory.substitution_report(found))):
            assert "Nothing was shown either way. This is not a pass." in text
            assert "○" not in text and "p =" not in text
    for made in (factory.consistent, factory.inconsistent):
        assert "not a pass" not in text_of(made()) + terminal_words(factory.substitution_report(made()))


def rows_of(page: str, table: str) -> list[list[str]]:
    """The cells of a table's body, as text."""
    body = page[page.index(f'<table class="{table}"') :]
    body = body[body.index("<tbody>") : body.index("</tbody>")]
    return [
        [" ".join(re.sub("<[^>]+>", "", cell).split()) for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", row, re.S)]
        for row in re.findall(r"<tr>.*?</tr>", body, re.S)
    ]


def test_the_table_has_the_numbers_of_each_test() -> None:
    assert rows_of(page_of(factory.inconsistent()), "of-tests") == [
        [
            *("AUD401 Teacher-forced comparison", "▲ Finding", "≤ 0.0005", "–"),
            *("distance beyond repeats 0.0339 nats, 95 % interval 0.0151 to 0.0598", "120"),
        ],
        ["AUD402 Single requests", "▲ Finding", "–", "3.4 × 1011", "–", "120"],
        ["AUD403 Rank uniformity", "○ No finding", "0.29", "–", "–", "120"],
    ]
    assert rows_of(page_of(factory.not_measured()), "of-tests") == [
        ["AUD401 Teacher-forced comparison", "– Not assessable", *"––––"]
    ]


def test_each_test_has_its_block_with_its_draws_and_its_assumptions() -> None:
    page = page_of(factory.inconsistent())
    in_order(
        words(page),
        *("AUD401 Teacher-forced comparison ▲ Finding p = 0.0005, the smallest this test can give", "Every allowed variant"),
        *("observed 0.037", "0 of 2,000 draws at least as extreme, seed substitution/1", "Rests on assumption 1"),
        *("AUD402 Single requests ▲ Finding e = 3.4 × 10 11", "e-value 3.4 × 10 11 Rests on assumption 2"),
        *("AUD403 Rank uniformity ○ No finding p = 0.29", "Rests on assumption 3"),
    )
    assert page.count('href="#substitution-assumptions"') == 3 and "membership" not in page
    linked = re.findall(r'href="#([^"]+)"', page)
    assert "Allowed variants F32 The test" in text_of(factory.not_measured())
    assert set(linked) <= set(re.findall(r' id="([^"]+)"', page)) and "substitution-test-3" in linked and "limits" in linked


def on_log_axis(plot: Plot, y: float) -> float:
    """The value at a height, interpolated between labelled grid lines other than that of 0."""
    labels = [text.get_text() for text in plot.svg.select("text.up")]
    heights = [stroke[0][1] for stroke in plot.shapes("grid")]
    (low, first), *_, (high, last) = [
        (at, math.log10(number(label))) for at, label in zip(heights, labels, strict=True) if label != "0"
    ]
    return float(10 ** (first + (y - low) / (high - low) * (last - first)))


@pytest.mark.parametrize("made", [factory.inconsistent, factory.consistent])
@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_every_request_is_drawn_at_its_distance_and_tabulated(made: Any, kind: str) -> None:
    found = made()
    page = page_of(found)
    plot = Plot(page, "distances", kind)
    drawn = sorted((*dot[0], part) for part in ("within", "beyond") for dot in plot.shapes(part))
    assert len(drawn) == len(found.points)
    foot = plot.shapes("grid")[0][0][1]
    for place, ((x, y, part), point) in enumerate(zip(drawn, found.points, strict=True)):
        assert plot.along(x) == pytest.approx(place + 0.5, abs=0.1)
        assert (part == "beyond") == (point.value > point.limit)
        assert on_log_axis(plot, y) == pytest.approx(point.value, rel=0.01) if point.value else y == foot
    assert all(on_log_axis(plot, y) == pytest.approx(factory.LIMIT, rel=0.01) for _, y in plot.line("limit"))
    assert "limit 0.0293" in plot.labels
    for row, point in zip(plot.rows(), found.points, strict=True):
        assert row[1].startswith(point.request) and number(row[2]) == pytest.approx(point.value, rel=1e-3)
        assert number(row[3]) == point.limit
        assert row[1].endswith("beyond its limit") == (point.value > point.limit)
    assert ("beyond it" in plot.labels) == (found.served is Served.INCONSISTENT)


def test_limits_that_differ_make_steps_and_have_no_label() -> None:
    points = tuple(Point(request=str(place), value=0.01, limit=limit) for place, limit in enumerate((0.1, 0.1, 0.001)))
    plot = Plot(page_of(factory.consistent(points=points)), "distances")
    path = [(plot.along(x), on_log_axis(plot, y)) for x, y in plot.line("limit")]
    steps = [(0, 0.1), (1, 0.1), (1, 0.1), (2, 0.1), (2, 0.001), (3, 0.001)]
    assert np.array(path) == pytest.approx(np.array(steps), rel=0.02, abs=0.02)
    assert "limit 0.001" not in plot.labels and len(plot.shapes("beyond")) == 1


def test_the_path_of_the_evidence_is_drawn_request_by_request() -> None:
    found = factory.inconsistent()
    plot, log_e = Plot(page_of(found), "path"), found.tests[0].log_e
    assert len(log_e) == 120
    assert [plot.upright(y) for _, y in plot.line()] == pytest.approx([0, *log_e], abs=0.05)
    crossed = next(number for number, value in enumerate(log_e, start=1) if value >= math.log(100))
    assert f"reached at request {crossed}" in plot.labels


def test_of_many_requests_none_beyond_its_limit_is_hidden() -> None:
    off = tuple(range(7, 3 * DOTS, 61))
    found = factory.consistent(points=factory.points(3 * DOTS - 1, off))
    page = page_of(found)
    assert f"{len(off)} of 1,199 requests lie beyond" in words(page)
    assert "A dot is the farthest of 3 requests in a row." in words(page)
    rows = Plot(page, "distances").rows()
    assert len(rows) == DOTS and rows[0][0] == "1–3" and rows[-1][0] == "1,198–1,199"
    assert sum(row[1].endswith("beyond its limit") for row in rows) == len(off)
    assert "in a row" not in text_of(factory.consistent(points=factory.points(DOTS)))


@given(st.lists(st.tuples(st.floats(0, 1e308), st.floats(0, 1e308)), min_size=1, max_size=30))
def test_no_distance_leaves_the_axis(pairs: list[tuple[float, float]]) -> None:
    low, high, ticks = log_ticks([value for pair in pairs for value in pair])
    for value in (value for pair in pairs for value in pair):
        assert low <= (math.log10(value) if value else low) <= high
    assert all(low <= tick <= high for tick, _ in ticks)
    assert 2 <= len(ticks) <= 8
    shown = dots([Point(request="r", value=value, limit=limit) for value, limit in pairs])
    assert [dot.point.value for dot in shown] == [value for value, _ in pairs]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.002, 0.3], ["0.001", "0.01", "0.1", "1"]),
        ([0.02, 0.03], ["0.01", "0.02", "0.05", "0.1"]),
        ([3.0, 20.0], ["1", "2", "5", "10", "20", "50", "100"]),
        ([0.0, 0.02], ["0", "0.01", "0.02", "0.05", "0.1"]),
        ([0.0], ["0", "1", "2", "5", "10"]),
        ([1e-9, 1.0], ["10⁻⁹", "10⁻⁷", "10⁻⁵", "10⁻³", "10⁻¹"]),
        ([5e-324, 1.7e308], ["10⁻³²⁴", "10⁻²¹⁸", "10⁻¹¹²", "10⁻⁶", "10¹⁰⁰", "10²⁰⁶"]),
    ],
)
def test_the_logarithmic_axis_has_round_ticks(values: list[float], labels: list[str]) -> None:
    _, _, ticks = log_ticks(values)
    assert [label for _, label in ticks] == labels
    for tick, label in ticks:
        if label.replace(".", "").isascii() and label != "0":
            assert 10**tick == pytest.approx(float(label), rel=1e-6)


def test_all_failed_requests_are_counted_and_the_first_hundred_shown() -> None:
    found = factory.not_measured(failures=FAILURES + 23)
    page = page_of(found)
    rows = rows_of(page, "requests")
    assert rows == [
        [failure.request, failure.kind, failure.reason, str(failure.attempts)] for failure in found.failures[:FAILURES]
    ]
    assert "123 requests without a usable answer." in words(page)
    assert "23 more failed requests: the JSON report has all of them." in words(page)
    stored = json.loads(render_json(factory.substitution_report(found)))["subjects"][0]["failures"]
    assert len(stored) == len(found.failures)
    text = terminal_words(factory.substitution_report(found), width=200)
    assert f"123 failed requests: 62 timeout, 61 rate limit prompt 1: No answer within 60 seconds. ({2} attempts)" in text
    assert f"prompt {FAILURES_SHOWN}:" in text and f"prompt {FAILURES_SHOWN + 1}:" not in text
    assert "and 118 more: the JSON report has all of them." in text
    assert "Failed requests No request failed." in (text := text_of(factory.consistent()))
    assert "Not one of 60 requests lies beyond" in text
    assert "more failed" not in text_of(factory.not_measured(failures=FAILURES))


def test_nothing_is_drawn_or_said_of_what_was_not_measured() -> None:
    bare = factory.not_measured().model_copy(
        update=dict.fromkeys(("tests", "allowed", "capabilities", "facts", "failures", "notes"), ())
    )
    page = page_of(bare)
    text = words(page)
    assert "<svg" not in page and "<table" not in page
    for absent in (
        "The test",
        "Request by request",
        "Conditions",
        "What the endpoint returned",
        "Notes on",
        "None,",
        "Detectors",
    ):
        assert absent not in text
    assert "Allowed variants not stated" in text and "honest range Not estimated." in text
    terminal = terminal_words(factory.substitution_report(bare))
    assert (
        "Allowed variants: not stated" in terminal
        and "honest range: not estimated" in terminal
        and "lies beyond" not in terminal
    )


def test_ids_are_unique_and_pictures_are_named() -> None:
    page = page_of(factory.inconsistent())
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    named = re.findall(r'<svg class="[^"]*" role="img" aria-labelledby="([^"]+)"', page)
    assert len(named) == 10 and set(named) <= set(ids)
    assert set(re.findall(r'aria-labelledby="([^" ]+)"', page)) <= set(ids)


def test_it_loads_nothing_and_the_address_is_no_link() -> None:
    page = page_of(factory.inconsistent())
    assert not re.search(r"url\(|@import|<script", page)
    assert not re.findall(r'="[^"]*//[^"]*"', page)
    assert "http://127.0.0.1:8080/v1" in page


def test_other_reports_carry_nothing_of_this() -> None:
    for report in (factory.report(), factory.membership_report(), factory.attribution_report()):
        page = render_html(report)
        assert "substitution" not in page and 'class="of-tests"' not in page


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal(made: Any, width: int) -> None:
    assert max(cell_len(line) for line in printed(factory.substitution_report(made()), width).splitlines()) <= width


def test_the_terminal_has_it_all_in_short() -> None:
    found = factory.inconsistent()
    in_order(
        terminal_words(factory.substitution_report(found), width=60),
        *("▲ Inconsistent", found.claim, found.summary, f"Endpoint: {found.endpoint}", "Allowed variants: F32, F16, BF16"),
        *("AUD401 Teacher-forced comparison: ▲ Finding", "p = 0.0005, the smallest this test can give (α = 0.01)"),
        *("Effect: distance beyond repeats 0.0339 nats", "0 of 2,000 draws", "AUD402", "e = 3.4 × 10^11", "120 independent"),
        *("AUD403", "p = 0.29 (α = 0.01)", "12 of 120 requests lie beyond what the allowed variants reach."),
        *("Share of requests out of the honest range: 10.0 [5.3, 16.8] %", "Token ids returned"),
        *("Cost: 121 requests, 123 attempts, 3,448 + 952 tokens", "1 failed request: 1 server error"),
        *(
            "prompt 66, again: The server answered 500. (3 attempts)",
            "Note: The system_fingerprint",
            "What this does not prove",
        ),
    )
    assert "^ Inconsistent" in in_ascii(factory.substitution_report())
    assert "- Not measured" in in_ascii(factory.not_measured_report())


@pytest.mark.parametrize(
    "where", [(), ("cost",), ("mixture",), ("points", 0), ("failures", 0), ("capabilities", 0), ("facts", 0), ("tests", 1)]
)
def test_the_schema_is_closed_and_complete(where: tuple[Any, ...]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    data = json.loads(render_json(factory.substitution_report()))
    place = data["subjects"][0]
    for key in where:
        place = place[key]
    place["surprise"] = 1
    assert not validator.is_valid(data)
    del place["surprise"]
    assert validator.is_valid(data)
    place.pop(next(iter(place)))
    assert not validator.is_valid(data)


def test_the_exit_code_is_made_from_its_verdict() -> None:
    assert [factory.substitution_report(made()).verdicts for made in KINDS] == [
        *({Verdict.FINDING}, {Verdict.PASS}, {Verdict.NOT_ASSESSABLE})
    ]
