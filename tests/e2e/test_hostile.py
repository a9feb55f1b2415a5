"""Every hostile string in every field, in a real browser, with scripts allowed: no dialog, no request, no breach of policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from llm_audit.reports.formats.html import render as render_html
from llm_audit.results import Report
from tests.reports.checks import FORBIDDEN, LOADING, OURS
from tests.reports.hostile import HANDFULS, PAYLOADS, WORLDS, everywhere, harmless, shifted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ELEMENTS = """() => [...document.querySelectorAll("*")].map(
    element => [element.localName, element.getAttributeNames().sort().map(name => [name, element.getAttribute(name)])]
)"""
Elements = list[tuple[str, list[tuple[str, str]]]]


def shape(elements: Elements) -> list[tuple[str, list[str]]]:
    return [(tag, [name for name, _ in attributes]) for tag, attributes in elements]


def parsed(page: Page, file: Path, report: Report) -> Elements:
    """The elements of a report's page as Chromium has them."""
    file.write_text(render_html(report), encoding="utf-8")
    page.goto(file.as_uri())
    found: Elements = page.evaluate(ELEMENTS)
    return found


def acted(elements: Elements) -> list[tuple[str, str, str]]:
    """What could run, load or lead away."""
    return [
        (tag, name, value)
        for tag, attributes in elements
        for name, value in [("", ""), *attributes]
        if tag in FORBIDDEN or name.startswith("on") or name in LOADING or (name == "href" and not OURS.fullmatch(value))
    ]


@pytest.mark.parametrize("world", WORLDS)
def test_no_string_acts_on_a_browser(world: str, tmp_path: Path, opened: Callable[..., Any]) -> None:
    file = tmp_path / "report.html"
    with opened() as (page, seen):
        plain = shape(parsed(page, file, harmless(world)))
        for shift in range(len(HANDFULS)):
            elements = parsed(page, file, shifted(shift, world))
            assert shape(elements) == plain, shift
            assert acted(elements) == [], shift
        page.wait_for_timeout(300)
        seen.quiet(*[file] * (1 + len(HANDFULS)))


def test_no_string_acts_when_it_is_alone_in_all_fields(tmp_path: Path, opened: Callable[..., Any]) -> None:
    file = tmp_path / "report.html"
    with opened() as (page, seen):
        plain = shape(parsed(page, file, everywhere("word", WORLDS["detect"])))
        for payload in PAYLOADS:
            elements = parsed(page, file, everywhere(payload, WORLDS["detect"]))
            assert shape(elements) == plain and acted(elements) == [], ascii(payload)
        page.wait_for_timeout(300)
        seen.quiet(*[file] * (1 + len(PAYLOADS)))
