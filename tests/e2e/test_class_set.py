"""A class set on paper, printed by a real browser: a summary, one sheet a text to talk about, and the others in a few lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest

from llm_audit.reports.formats import class_set, html
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


def test_each_text_to_talk_about_is_a_sheet_and_the_others_share_some(tmp_path: Path, opened: Callable[..., Any]) -> None:
    file = tmp_path / "class.html"
    file.write_text(class_set.render(a_class()), encoding="utf-8")
    with opened(file, media="print", viewport=WIDE) as (page, seen):
        sheets = printed(page)
        assert 1 + 2 + 4 <= len(sheets) <= 1 + 2 + 8  # those that were not judged, or in which nothing stands out, share some
        assert "Summary" in sheets[0] and "What this does not prove" in sheets[0] and "text 25.txt" in sheets[0]
        for number, name in ((1, "one.txt"), (2, "two.txt")):
            assert (
                name in sheets[number] and "Questions to ask" in sheets[number] and "What this does not prove" in sheets[number]
            )
        assert all("Which part took the longest" not in sheet for sheet in sheets[3:])
        both = [sheet for sheet in sheets[1:] if "scan.pdf" in sheet]
        assert len(both) == 1 and "note.txt" in both[0]
        page.goto(f"{file.as_uri()}#text-1")
        (alone,) = printed(page)
        assert "one.txt" in alone and "Summary" not in alone
        assert (seen.console, seen.errors, seen.violations) == ([], [], [])


def test_a_report_of_many_essays_takes_two_sheets_a_text(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """Essays of 700 words: the summary, two sheets a text at most, and at the end what is said of all."""
    essays = [factory.many_passages(f"{n}.txt", passages=18) for n in range(6)]
    file = tmp_path / "report.html"
    file.write_text(html.render(factory.report(*essays)), encoding="utf-8")
    with opened(file, media="print", viewport=WIDE) as (page, _):
        sheets = printed(page)
        shared = next(number for number, sheet in enumerate(sheets) if number and "What this does not prove" in sheet)
        assert "On paper" in sheets[0] and shared <= 1 + 2 * len(essays)
        assert "What each detector says" not in "".join(sheets)
        assert page.locator(".on-paper").is_visible()
        page.emulate_media(media="screen")
        assert not page.locator(".on-paper").is_visible() and page.locator(".multiples").count() == len(essays)


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
