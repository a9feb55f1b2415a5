"""The pages of `llm-audit serve` in a real browser: by mouse, by keyboard, without JavaScript, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.conftest import Seen
from tests.e2e.test_pages import RULES, WIDE
from tests.serving.conftest import ESSAY, Running, Start, start, tiny_root

__all__ = ["start", "tiny_root"]  # fixtures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PHONE = {"width": 390, "height": 844}
MODES: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE},
    "phone, dark": {"viewport": PHONE, "color_scheme": "dark"},
    "forced colours": {"viewport": WIDE, "forced_colors": "active"},
    "without JavaScript": {"viewport": WIDE, "java_script_enabled": False},
}


@pytest.fixture(scope="module")
def site(start: Start) -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def essays(tmp_path: Path) -> list[Path]:
    """A small class set."""
    texts = {"anna.txt": ESSAY, "ben <b>.txt": ESSAY[:1500], "short.txt": "Too short.", "empty.txt": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [tmp_path / name for name in texts]


def judged(page: Page, site: Running, files: list[Path]) -> None:
    """From the form to the verdicts."""
    page.goto(f"http://127.0.0.1:{site.port}/")
    page.set_input_files("#files", [str(path) for path in files])
    page.get_by_role("button", name="Judge").click()
    page.get_by_role("heading", name="Verdicts").wait_for(timeout=120_000)


def quiet(seen: Seen, site: Running) -> None:
    """Only this server was asked, and nothing was said."""
    assert all(request.startswith((f"http://127.0.0.1:{site.port}/", "about:")) for request in seen.requests), seen.requests
    assert (seen.console, seen.dialogs, seen.errors, seen.violations) == ([], [], [], [])


@pytest.mark.parametrize("mode", MODES)
def test_a_class_is_judged(site: Running, essays: list[Path], mode: str, opened: Callable[..., Any]) -> None:
    with opened(**MODES[mode]) as (page, seen):
        judged(page, site, essays)
        assert page.get_by_role("row").count() == 5
        assert page.locator("bdi", has_text="ben <b>.txt").count() == 1
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth") if mode != "without JavaScript" else False
        assert not wide
        page.get_by_role("link", name="words").click()
        assert page.locator("tbody bdi").first.inner_text() == "anna.txt"
        page.get_by_role("link", name="anna.txt").click()
        assert page.locator("article:target h2").inner_text() == "anna.txt"
        assert page.get_by_role("heading", name="Questions to ask").first.is_visible()
        quiet(seen, site)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "without JavaScript"])
def test_axe_finds_nothing(site: Running, essays: list[Path], mode: str, opened: Callable[..., Any]) -> None:
    with opened(**MODES[mode], bypass_csp=True) as (page, _):
        page.goto(f"http://127.0.0.1:{site.port}/")
        check(page)
        judged(page, site, essays)
        check(page)
        page.get_by_role("link", name="A page for each text, to print").click()
        check(page)
        page.goto(f"http://127.0.0.1:{site.port}/nothing")
        check(page)


def check(page: Page) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, (page.url, found.generate_report()[:4000])


def test_a_text_is_pasted_and_judged_by_keyboard_alone(site: Running, opened: Callable[..., Any]) -> None:
    with opened(viewport=WIDE) as (page, seen):
        page.goto(f"http://127.0.0.1:{site.port}/")
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "text":
                break
        page.keyboard.insert_text(ESSAY)
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Verdicts").wait_for(timeout=120_000)
        assert page.get_by_role("link", name="pasted text").is_visible()
        quiet(seen, site)


def test_files_are_dropped_and_listed(site: Running, opened: Callable[..., Any]) -> None:
    with opened(viewport=WIDE) as (page, seen):
        page.goto(f"http://127.0.0.1:{site.port}/")
        page.evaluate(
            """text => {
                const data = new DataTransfer();
                data.items.add(new File([text], "dropped.txt", {type: "text/plain"}));
                document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
            }""",
            ESSAY,
        )
        assert page.locator("#chosen li").inner_text() == "dropped.txt"
        page.get_by_role("button", name="Judge").click()
        page.get_by_role("heading", name="Verdicts").wait_for(timeout=120_000)
        assert page.get_by_role("link", name="dropped.txt").is_visible()
        quiet(seen, site)


def test_the_report_is_shown_in_place(site: Running, essays: list[Path], opened: Callable[..., Any]) -> None:
    with opened(viewport=WIDE) as (page, seen):
        judged(page, site, essays)
        report = page.frame_locator("iframe")
        report.get_by_role("heading", name="Was this text machine-generated?").wait_for(timeout=60_000)
        quiet(seen, site)


def test_texts_are_forgotten_by_a_button(site: Running, essays: list[Path], opened: Callable[..., Any]) -> None:
    with opened(viewport=WIDE) as (page, _):
        judged(page, site, essays)
        job = page.url
        page.get_by_role("button", name="Forget these texts now").click()
        page.get_by_role("button", name="Judge").wait_for()
        page.goto(job)
        assert "not here any more" in page.get_by_role("alert").inner_text()


def test_a_single_text_is_printed_from_its_address(site: Running, essays: list[Path], opened: Callable[..., Any]) -> None:
    with opened(viewport=WIDE) as (page, _):
        judged(page, site, essays)
        page.get_by_role("link", name="short.txt").click()
        page.emulate_media(media="print")
        shown = [one.inner_text() for one in page.locator("article h2").all() if one.is_visible()]
        assert shown == ["short.txt"]
        page.goto(page.url.partition("#")[0])
        page.reload()
        assert sum(one.is_visible() for one in page.locator("article h2").all()) == 4
