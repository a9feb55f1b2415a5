"""The page in a browser: for every reader, in every mode, it is accessible, complete and silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from llm_audit.reports.formats.html import render as render_html
from tests.e2e.pages import PAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WIDE = {"width": 1280, "height": 900}
MODES: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "forced colours": {"viewport": WIDE, "forced_colors": "active"},
    "forced colours, dark": {"viewport": WIDE, "forced_colors": "active", "color_scheme": "dark"},
    "phone": {"viewport": {"width": 320, "height": 800}},
    "phone, dark": {"viewport": {"width": 320, "height": 800}, "color_scheme": "dark"},
    "print": {"viewport": WIDE, "media": "print"},
    "without JavaScript": {"viewport": WIDE, "java_script_enabled": False},
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}

FOCUSABLE = "a[href], summary, [tabindex='0']"
FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    const described = (element.getAttribute("aria-describedby") || "").split(" ").filter(Boolean).map(id => {
        const other = document.getElementById(id), where = other.getBoundingClientRect();
        return {
            text: other.innerText,
            shown: other.checkVisibility({opacityProperty: true, visibilityProperty: true})
                && where.width > 20 && where.height > 8 && where.left >= 0 && where.right <= innerWidth
                && where.bottom > 0 && where.top < innerHeight,
        };
    });
    return {
        number: [...document.querySelectorAll("*")].indexOf(element),
        html: element.outerHTML.slice(0, 120),
        passage: element.matches("mark, .text *"),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        described,
    };
}"""
TABBABLE = """selector => [...document.querySelectorAll(selector)]
    .filter(element => element.checkVisibility() && !element.closest("details:not([open]) > :not(summary)"))
    .map(element => [...document.querySelectorAll("*")].indexOf(element))"""


@pytest.fixture(scope="module", params=PAGES)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    path.write_text(render_html(PAGES[request.param]()), encoding="utf-8")
    return path


def unfolded(page: Page) -> None:
    """Open every <details>, as a reader would one by one."""
    page.evaluate("document.querySelectorAll('details').forEach(element => { element.open = true })")


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "without JavaScript"])
def test_axe_finds_nothing(file: Path, mode: str, opened: Callable[..., Any]) -> None:
    with opened(file, **MODES[mode]) as (page, seen):
        if file.stem != "200 documents":  # which folded takes minutes as it is; each kind of document is unfolded elsewhere
            unfolded(page)
        found = Axe().run(page, options=RULES)
        seen.quiet(file)
    assert found.response["testEngine"]["name"] == "axe-core"
    assert found.violations_count == 0, found.generate_report()[:6000]


@pytest.mark.parametrize("mode", MODES)
def test_a_page_loads_itself_and_says_nothing(file: Path, mode: str, opened: Callable[..., Any]) -> None:
    with opened(file, **MODES[mode]) as (page, seen):
        page.wait_for_timeout(200)
        seen.quiet(file)


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_scrolls_sideways_but_what_says_so(file: Path, width: int, opened: Callable[..., Any]) -> None:
    with opened(file, viewport={"width": width, "height": 800}) as (page, _):
        unfolded(page)
        wide = page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
                .filter(element => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll"))
                .map(element => element.outerHTML.slice(0, 100)).slice(0, 5).concat([document.documentElement.scrollWidth])"""
        )
        assert wide == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_label_leaves_its_chart(file: Path, width: int, opened: Callable[..., Any]) -> None:
    with opened(file, viewport={"width": width, "height": 800}) as (page, _):
        unfolded(page)
        beyond = page.evaluate(
            """() => [...document.querySelectorAll("svg.chart text")].filter(text => text.getClientRects().length).map(text => {
                const box = text.getBoundingClientRect(), chart = text.ownerSVGElement.getBoundingClientRect();
                const across = [box.left - chart.left, chart.right - box.right];
                return [text.textContent, ...across, box.top - chart.top, chart.bottom - box.bottom];
            }).filter(([_, ...room]) => Math.min(...room) < -1)"""
        )
        assert beyond == []


def test_without_javascript_the_page_is_the_same(file: Path, opened: Callable[..., Any]) -> None:
    shots = []
    for enabled in (True, False):
        with opened(file, viewport=WIDE, java_script_enabled=enabled) as (page, seen):
            shots.append(page.screenshot())
            page.keyboard.press("End")
            page.wait_for_timeout(200)
            shots.append(page.screenshot())
            seen.quiet(file)
    assert shots[:2] == shots[2:] and shots[0] != b""


def test_the_keyboard_reaches_everything(file: Path, opened: Callable[..., Any]) -> None:
    """Tab visits each link, summary, scrolling table and passage once, in order, visibly; a passage then shows its numbers."""
    with opened(file, viewport=WIDE) as (page, seen):
        expected = page.evaluate(TABBABLE, FOCUSABLE)[:150]
        visited = []
        for _ in expected:
            page.keyboard.press("Tab")
            found = page.evaluate(FOCUSED)
            assert found["outlined"] and found["seen"], found
            if found["passage"]:
                assert found["described"], found
            for description in found["described"]:
                assert description["shown"] and any(map(str.isdigit, description["text"])), found
            visited.append(found["number"])
        assert visited == expected
        seen.quiet(file)


def test_a_fold_opens_by_keyboard_without_javascript(tmp_path: Path, opened: Callable[..., Any]) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(PAGES["one essay"]()), encoding="utf-8")
    with opened(path, viewport=WIDE, java_script_enabled=False) as (page, seen):
        folded = page.locator("details:not([open])")
        before = folded.count()
        folded.first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert folded.count() == before - 1
        seen.quiet(path)


def test_the_watch_would_have_told(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """A page with all that is forbidden, so that silence above means something."""
    path = tmp_path / "page.html"
    page_text = render_html(PAGES["one essay"]()).replace("</main>", "<img src='other.png'><script>alert(1)</script></main>")
    path.write_text(page_text, encoding="utf-8")
    with opened(path) as (page, seen):
        page.wait_for_timeout(300)
        assert any("Content Security Policy" in message for message in seen.console)
        assert {violation.partition(":")[0] for violation in seen.violations} == {"img-src", "script-src-elem"}
    path.write_text("<!doctype html><p style='color:#ccc'>pale<img src='other.png'><script>alert(1)</script>", encoding="utf-8")
    with opened(path) as (page, seen):
        page.wait_for_timeout(300)
        assert seen.dialogs == ["1"] and len(seen.requests) == 2
        assert Axe().run(page, options=RULES).violations_count >= 3
