"""What a reader needs who sees no colours, uses no mouse, or has the page read out: checked on the parsed page."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup, Tag

from llm_audit.reports.charts.canvas import palette
from llm_audit.reports.formats.html import TEMPLATES
from llm_audit.reports.formats.html import render as render_html
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.plots import parsed

REPORTS = (
    *(factory.report, factory.attribution_report, lambda: factory.report(factory.finding())),
    *(factory.membership_report, factory.shifted_report, factory.substitution_report, factory.not_measured_report),
)
STYLE = (TEMPLATES / "style.css").read_text("utf-8")


@pytest.fixture(scope="module", params=REPORTS)
def page(request: pytest.FixtureRequest) -> BeautifulSoup:
    made: Callable[[], Report] = request.param
    return parsed(render_html(made()))


def one(page: BeautifulSoup, selector: str) -> Tag:
    (found,) = page.select(selector)
    return found


def ids(page: BeautifulSoup) -> list[str]:
    return [str(element["id"]) for element in page.select("[id]")]


def test_ids_are_unique_and_every_reference_has_its_target(page: BeautifulSoup) -> None:
    there = ids(page)
    assert len(there) == len(set(there))
    for name in ("aria-labelledby", "aria-describedby"):
        for element in page.select(f"[{name}]"):
            assert set(str(element[name]).split()) <= set(there), element[name]
    links = [str(link["href"]) for link in page.select("a[href]")]
    assert links and all(link.startswith("#") and link[1:] in there for link in links)


def test_every_chart_has_a_title_a_description_and_a_table(page: BeautifulSoup) -> None:
    for chart in page.find_all("svg"):
        title, desc = chart.find("title"), chart.find("desc")
        assert isinstance(title, Tag) and isinstance(desc, Tag)
        assert len(title.get_text()) > 8 and len(desc.get_text()) > 40
        assert (chart["role"], chart["aria-labelledby"], chart["aria-describedby"]) == ("img", title["id"], desc["id"])
        figure = chart.find_parent("figure")
        assert figure
        data = figure.find_next_sibling()
        assert isinstance(data, Tag) and data.name == "details" and "data" in data["class"] and data.find("table")


def test_charts_carry_nothing_that_the_policy_forbids(page: BeautifulSoup) -> None:
    for element in page.select("svg, svg *"):
        assert element.name in {"svg", "title", "desc", "path", "text"}
        assert not {"style", "href", "xlink:href", "clip-path", "filter"} & set(element.attrs)
        assert element.name in {"svg", "title", "desc"} or "id" not in element.attrs


def test_every_focusable_passage_has_its_numbers(page: BeautifulSoup) -> None:
    for passage in page.select(".text mark"):
        assert passage["tabindex"] == "0"
        (tip,) = passage.select(".tip")
        assert tip["id"] == passage["aria-describedby"] and tip["role"] == "tooltip"
        assert re.search(
            r"Passage \d+: (p (=|<|>) [\d.]+.*; q = .+; compared with [\d,]+ text|too short to judge)", tip.get_text()
        )
    assert page.select(".text mark") or not page.select(".text sup")


def test_headings_are_in_order_and_there_is_one_first(page: BeautifulSoup) -> None:
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and levels.count(1) == 1
    for above, below in pairwise(levels):
        assert below <= above + 1, levels


def test_landmarks_language_and_a_way_past_the_head(page: BeautifulSoup) -> None:
    assert one(page, "html")["lang"] == "en"
    assert one(page, "main")["id"] == "content"
    assert len(page.select("body > header")) == len(page.select("body > footer")) == 1
    first = page.select("a, [tabindex], summary")[0]
    assert first["href"] == "#content" and "skip" in first["class"]
    for name in ("article", "section"):
        for element in page.find_all(name):
            assert element.get("aria-labelledby") or element.get("aria-label"), element


def test_tables_have_captions_and_scopes(page: BeautifulSoup) -> None:
    for table in page.find_all("table"):
        assert len(table.find_all("caption")) == 1 and table.find("caption").get_text()
        assert table.select("thead th") and all(cell.get("scope") == "col" for cell in table.select("thead th"))
        assert all(cell.get("scope") == "row" for cell in table.select("tbody th"))
        for row in table.select("tbody tr:not(.reason)"):
            assert row.find("th"), row


def test_what_scrolls_can_be_reached_and_is_named(page: BeautifulSoup) -> None:
    for element in page.select(".scroll"):
        assert element["tabindex"] == "0" and element["role"] == "group"
        assert element.get("aria-label") or element.get("aria-labelledby")


@pytest.mark.parametrize("verdict", ["finding", "pass", "not_assessable", "error"])
def test_no_verdict_is_told_by_colour_alone(verdict: str) -> None:
    page = parsed(render_html(factory.report()))
    for label in page.select(f".label.{verdict}"):
        sign, words = label.get_text().split(maxsplit=1)
        assert not sign.isalnum() and words.isprintable()


def colours(dark: bool) -> dict[str, str]:
    if not dark:
        return palette()
    block = STYLE[STYLE.index("prefers-color-scheme: dark") :]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block[: block.index("\n}")]))


def contrast(first: str, second: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_charts_have_the_contrast_of_wcag_aa(dark: bool) -> None:
    found = colours(dark)
    assert len(found) == len(palette())
    for ground in ("paper", "tint"):
        for text in ("ink", "soft", "accent", "link"):
            assert contrast(found[text], found[ground]) >= 4.5, (text, ground)
    for level in range(1, 6):
        assert contrast(found["ink"], found[f"mark-{level}"]) >= 4.5, level
    for shape in ("bar", "accent", "link", "soft", *(f"heat-{level}" for level in range(6))):
        assert contrast(found[shape], found["paper"]) >= 3, shape
    for level in (4, 5):
        assert contrast(found[f"heat-{level}"], found[f"mark-{level}"]) >= 3, level


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_heat_grows_with_its_level(dark: bool) -> None:
    found = colours(dark)
    steps = [contrast(found[f"heat-{level}"], found["paper"]) for level in range(6)]
    assert steps == sorted(steps)


def test_every_colour_of_a_chart_follows_the_scheme_of_the_reader() -> None:
    sheet = (TEMPLATES / "charts.css").read_text("utf-8")
    for made in REPORTS[:-1]:
        page = parsed(render_html(made()))
        used = {name for element in page.select("svg [class]") for name in element["class"] if re.match("(fill|stroke)-", name)}
        assert used
        for name in used:
            assert f".{name} {{ {name.split('-', 1)[0]}: var(--{name.split('-', 1)[1]}); }}" in sheet
        for element in page.select("svg path"):
            painted = [kind for kind in ("fill", "stroke") if element.get(kind, "none") != "none"]
            assert painted and all(any(name.startswith(f"{kind}-") for name in element["class"]) for kind in painted)
