"""The page: what it says, and that nothing in a report can act on the reader's browser."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from llm_audit.reports import format as fmt
from llm_audit.reports.formats.html import render as render_html
from llm_audit.results import Report
from llm_audit.results.report import Plugin
from tests.reports import factory
from tests.reports.checks import Skeleton
from tests.reports.hostile import plant
from tests.reports.plots import Plot, parsed

REPORTS = (
    *(factory.report, factory.attribution_report),
    *(factory.membership_report, factory.untouched_report, factory.shifted_report),
    *(factory.substitution_report, factory.consistent_report, factory.not_measured_report),
)


def words(page: str) -> str:
    return " ".join(" ".join(Skeleton(page).texts).split())


def policy(page: str) -> str:
    found = [
        value for tag, name, value in Skeleton(page).attributes if (tag, name) == ("meta", "content") and "default-src" in value
    ]
    assert len(found) == 1
    return found[0]


def test_a_number_and_its_unit_stay_on_one_line_but_in_the_text_that_is_judged() -> None:
    text = "Of the 40 pupils 12 % were ill, and 3 ms later 0.5 nats." + factory.prose()
    document = factory.passing().model_copy(update={"text": text, "characters": len(text), "summary": "Of 40 texts 12.0 %."})
    page = parsed(render_html(factory.report(document)))
    assert page.select("p.summary")[0].get_text() == "Of 40 texts 12.0\u00a0%."
    for shown in page.select("div.text"):
        for beside in shown.select("sup, .tip"):
            beside.extract()
        assert shown.get_text() == text
    for made in REPORTS:
        around = parsed(render_html(made())).select("p, li, td, dd, dt, figcaption")
        assert [each.get_text() for each in around if re.search(r"[0-9] (?:%|nats\b|MB\b)", each.get_text())] == []


@pytest.mark.parametrize("made", REPORTS)
def test_style_is_the_one_the_policy_allows(made: Callable[[], Report]) -> None:
    page = render_html(made())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    assert policy(page) == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "@import" not in style and "url(" not in style


@pytest.mark.parametrize(
    "report",
    [
        *(factory.report(factory.finding(), factory.passing()), factory.attribution_report(factory.attributed())),
        *(factory.membership_report(), factory.untouched_report(), factory.shifted_report()),
        *(factory.substitution_report(), factory.consistent_report(), factory.not_measured_report()),
    ],
)
def test_every_text_of_a_report_is_on_the_page(report: Report) -> None:
    markers: list[str] = []

    def marked(field: str) -> str | None:
        # For verify: groups have a table, candidates are named one by one, and of conditions the page shows what follows.
        if field in ("Manifest.packages, keys", "Manifest.candidates", "Screened.group") or field.startswith(
            ("Conditions.", "Copies.", "StartToken.", "Table.")
        ):
            return None
        markers.append(f"m{len(markers)}m")
        return markers[-1]

    page = render_html(plant(report, marked))
    assert len(markers) > 30
    assert [marker for marker in markers if marker not in page] == []


def test_a_p_value_comes_with_all_that_it_needs() -> None:
    text = words(render_html(factory.report(factory.finding())))
    assert "p = 0.0005, the smallest this population can give" in text
    assert factory.NULL in text
    assert "at most about 1 time in 2,000" in text
    assert "essays-en : English student essays and news written before 2020. 1,999 documents of 192 tokens." in text
    assert "Smallest possible p 0.0005" in text
    assert "Upper bound of p 0.0018, with 95 % confidence" in text
    assert "not the probability that the null hypothesis is true" in text


@pytest.mark.parametrize("document", [factory.not_assessable(), factory.unreadable()], ids=["short", "unreadable"])
def test_what_was_not_judged_does_not_look_like_a_pass(document: Any) -> None:
    page = render_html(factory.report(document))
    text = words(page)
    assert "No statement is made about this document. It has neither passed nor failed." in text
    assert document.summary in text
    assert "No finding" not in text and "Finding" not in text
    assert f'class="document {document.verdict.value}"' in page
    if document.combined:
        assert document.combined.reason in text


def test_heat_is_in_the_strip_in_the_text_and_in_the_table() -> None:
    page = render_html(factory.report(factory.finding()))
    assert re.findall(r'<mark class="heat-(\w+)"[^>]*><sup>(\d)</sup>', page) == [
        *(("0", "1"), ("5", "2"), ("1", "3")),
        *(("5", "4"), ("none", "5"), ("3", "6")),
    ]
    assert page.count("stands out</span>") == 1
    text = parsed(page).select_one("div.text")
    assert text
    for extra in text.select("sup, .tip"):
        extra.decompose()
    parsed.cache_clear()  # the page was changed
    assert text.get_text() == factory.prose()


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_strip_has_a_bar_for_every_judged_passage(kind: str) -> None:
    document = factory.finding()
    plot = Plot(render_html(factory.report(document)), "strip", kind)
    assert document.combined
    judged = [span for span in document.combined.spans if span.p_value is not None]
    bars = sorted(bar for level in range(6) for bar in plot.shapes(f"fill-heat-{level}"))
    foot, top = (plot.shapes("grid")[at][0][1] for at in (0, -1))
    left, right = (plot.shapes("grid")[0][at][0] for at in (0, 1))
    for bar, span in zip(bars, judged, strict=True):
        assert span.p_value
        assert (bar[0][0] - left) / (right - left) == pytest.approx(span.start / document.characters, abs=1e-3)
        assert 10 ** (-3 * (foot - bar[1][1]) / (foot - top)) == pytest.approx(span.p_value, rel=0.01)
    assert [row[2] for row in plot.rows()] == ["0.71", "0.0015", "0.43", "0.0085", "–", "0.06"]


@pytest.mark.parametrize("kind", ["wide", "narrow"])
@pytest.mark.parametrize(("p", "floor"), [(0.0005, 0.0005), (0.43, 0.0005), (3e-9, 1e-300), (0.02, None), (1.0, 0.2)])
def test_the_scale_shows_p_alpha_and_the_smallest_possible(kind: str, p: float, floor: float | None) -> None:
    result = factory.combined(factory.prose(), p).model_copy(update={"p_floor": floor})
    page = render_html(factory.report(factory.finding().model_copy(update={"combined": result})))
    plot = Plot(page, "scale", kind)
    left, right = plot.line("axis")[0][0], plot.line("axis")[1][0]
    decades = max(2, math.ceil(-math.log10(max(1e-12, min(p, 0.01, floor or 1))) - 1e-9))

    def read(part: str) -> float:
        return float(10 ** (-decades * (plot.shapes(part)[0][0][0] - left) / (right - left)))

    assert read("p") == pytest.approx(p, rel=0.02)
    assert read("alpha") == pytest.approx(0.01, rel=0.02)
    assert bool(plot.shapes("floor")) == (floor is not None and floor >= 1e-12)
    if plot.shapes("floor"):
        assert read("floor") == pytest.approx(floor, rel=0.02)
    assert any(label.startswith("p ") for label in plot.labels) and "α = 0.01" in plot.labels


def test_a_document_is_marked_in_the_histogram_of_its_population() -> None:
    document = factory.finding()
    page = render_html(factory.report(document))
    for number, result in enumerate(document.results):
        plot = Plot(page, f"population-{number + 1}", "small")
        assert result.histogram and result.statistic
        assert plot.along(plot.line("observed")[0][0]) == pytest.approx(result.statistic.value, rel=0.02)
        bars = plot.shapes("bars")
        counts = [count for count in result.histogram.counts if count]
        assert [plot.upright(bar[1][1]) for bar in bars] == pytest.approx(counts, abs=3)
        assert sum(int(row[1].replace(",", "")) for row in plot.rows()) == 1999
        assert sum("this text" in row[0] for row in plot.rows()) <= 1


def test_a_documents_tokens_are_drawn_and_tabulated() -> None:
    document = factory.finding()
    plot = Plot(render_html(factory.report(document)), "surprisal")
    assert document.trace
    assert [plot.upright(y) for _, y in plot.line()] == pytest.approx(document.trace.entropy, abs=0.05)
    assert len(plot.rows()) == 120


def test_without_text_the_passages_are_named_by_place() -> None:
    document = factory.finding().model_copy(update={"text": None, "trace": None})
    page = render_html(factory.report(document))
    assert "characters 0 to 2" in page and 'class="text"' not in page and "chart surprisal" not in page


def test_many_passages_fit() -> None:
    page = render_html(factory.report(factory.many_passages()))
    assert len(parsed(page).select(".text mark")) == 120
    plot = Plot(page, "strip")
    bars = [bar for level in range(6) for bar in plot.shapes(f"fill-heat-{level}")]
    assert len(bars) == 113 and len(plot.rows()) == 120
    assert max(x for bar in bars for x, _ in bar) <= plot.width


@pytest.mark.parametrize("made", REPORTS)
def test_equal_reports_give_equal_bytes(made: Callable[[], Report]) -> None:
    assert render_html(made()) == render_html(made())


@pytest.mark.parametrize("made", REPORTS)
def test_nothing_missing_reads_none(made: Callable[[], Report]) -> None:
    assert not re.search(r"\bNone\b|\bUndefined\b|Verdict\.|Authorship\.|\bnan\b", words(render_html(made())))


def test_without_an_address_of_the_documentation_a_rule_is_no_link() -> None:
    page = render_html(factory.report(factory.finding()))
    assert '<span class="rule">AUD101</span>' in page and 'class="rule" href' not in page
    assert "<code>llm-audit explain AUD" in page


def test_a_rule_is_a_link_to_its_page_and_a_plugin_or_a_forged_code_is_none(published: str) -> None:
    manifest = factory.report().manifest
    address = f"{published}rules/AUD101.html"
    assert fmt.page("AUD101", manifest) == address
    assert f'<a class="rule" href="{address}">AUD101</a>' in render_html(factory.report(factory.finding()))
    plugin = Plugin(rule="AUD150", name="top-ten", distribution="top-ten", version="1", digest=None)
    assert fmt.page("AUD150", manifest.model_copy(update={"plugins": (plugin,)})) is None
    for forged in ("AUD1011", "aud101", 'AUD101"><script>', "", "AUD１０１"):
        assert fmt.page(forged, manifest) is None
