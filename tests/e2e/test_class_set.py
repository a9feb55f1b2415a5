"""A class set on paper, printed by a real browser: a summary, and one sheet a text."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest

from llm_audit.reports.formats import class_set
from llm_audit.results import Report, Stretch
from tests.e2e.test_pages import WIDE
from tests.reports import factory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def a_class() -> Report:
    """Thirty texts: 26 without a finding, two with one, two that were not judged."""
    half = (Stretch(start=40, end=300),)
    return factory.report(
        *(factory.passing(f"text {number}.txt").model_copy(update={"stretches": ()}) for number in range(26)),
        *(factory.finding(name).model_copy(update={"stretches": half}) for name in ("one.txt", "two.txt")),
        factory.unreadable("scan.pdf"),
        factory.not_assessable("note.txt"),
    )


def printed(page: Any) -> list[str]:
    paper = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    return [sheet.extract_text() for sheet in paper.pages]


def test_thirty_texts_are_thirty_sheets(tmp_path: Path, opened: Callable[..., Any]) -> None:
    file = tmp_path / "class.html"
    file.write_text(class_set.render(a_class()), encoding="utf-8")
    with opened(file, media="print", viewport=WIDE) as (page, seen):
        sheets = printed(page)
        assert len(sheets) == 1 + 28 + 1  # those that were not judged share one
        assert "Summary" in sheets[0] and "What this does not prove" in sheets[0] and "text 25.txt" in sheets[0]
        for sheet in sheets[1:]:
            assert "Questions to ask" in sheet
        both = [sheet for sheet in sheets[1:] if "scan.pdf" in sheet]
        assert len(both) == 1 and "note.txt" in both[0]
        page.goto(f"{file.as_uri()}#text-1")
        (alone,) = printed(page)
        assert "one.txt" in alone and "Summary" not in alone
        assert (seen.console, seen.errors, seen.violations) == ([], [], [])


def test_names_are_sorted_by_keyboard_alone(tmp_path: Path, opened: Callable[..., Any]) -> None:
    file = tmp_path / "class.html"
    file.write_text(class_set.render(a_class()), encoding="utf-8")
    with opened(file, viewport=WIDE, java_script_enabled=False) as (page, _):
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.locator("#sort-verdict:focus").count():
                break
        page.keyboard.press("ArrowRight")
        assert page.locator("#sort-name").is_checked()
        shown = page.locator("table.by-name")
        assert shown.is_visible() and not page.locator("table.by-verdict").is_visible()
        names = shown.locator("tbody bdi").all_inner_texts()
        assert (
            names[:2] == ["note.txt", "one.txt"]
            and names[-1] == "two.txt"
            and names.index("text 2.txt") < names.index("text 10.txt")
        )
