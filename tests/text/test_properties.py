"""What a Word document says of itself: facts in the report, and no part of any verdict."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docx import Document

import llm_audit
from fixtures.documents import write_docx
from llm_audit.extract.docx_properties import LONGEST, properties
from llm_audit.reports.formats import class_set
from llm_audit.text import Source
from llm_audit.text.read import read_document
from tests.cli.conftest import tiny, tiny_root
from tests.cli.tool import HUMAN

__all__ = ["tiny", "tiny_root"]  # fixtures

CORE, APP = "docProps/core.xml", "docProps/app.xml"
ESSAY = Path(HUMAN).read_text(encoding="utf-8")


def essay(creator: str = "Anna Example") -> bytes:
    """A Word document with all its properties."""
    document = Document(io.BytesIO(write_docx(ESSAY.split("\n\n"))))
    known = document.core_properties
    known.author, known.last_modified_by, known.revision = creator, "Ben", 17
    known.created, known.modified = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)
    out = io.BytesIO()
    document.save(out)
    return replaced(out.getvalue(), APP, b"<Properties><TotalTime>83</TotalTime><Application>Writer</Application></Properties>")


def replaced(data: bytes, part: str, content: bytes | None) -> bytes:
    """The archive with another part in the place of one; None: without it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in {*old.namelist(), part}:
            if name != part:
                new.writestr(name, old.read(name))
            elif content is not None:
                new.writestr(name, content)
    return out.getvalue()


def test_every_property_is_read_in_a_fixed_order() -> None:
    found = dict(properties(essay()))
    assert list(found) == [
        "Creator", "Last changed by", "Created", "Last changed", "Revision", "Minutes of editing", "Program",
    ]  # fmt: skip
    assert (found["Creator"], found["Revision"], found["Minutes of editing"], found["Program"]) == (
        "Anna Example",
        "17",
        "83",
        "Writer",
    )
    assert found["Created"].startswith("2026-03-01T09:00:00")


@pytest.mark.parametrize(
    "content", [None, b"", b"<", b"<a/>", b"<a>" * 1000, b"\x00", b"<coreProperties><creator/></coreProperties>"]
)
def test_what_cannot_be_read_is_left_out(content: bytes | None) -> None:
    found = dict(properties(replaced(essay(), CORE, content)))
    assert found == {"Minutes of editing": "83", "Program": "Writer"}


def test_a_property_is_one_short_line() -> None:
    found = dict(properties(essay("a\n" * 100)))
    assert "\n" not in found["Creator"] and len(found["Creator"]) <= LONGEST


def test_a_document_is_read_with_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(essay())
    assert dict(read_document(Source("a.docx", path)).facts)["Creator"] == "Anna Example"


def test_facts_are_in_the_report_and_on_the_page_and_change_nothing(tiny: tuple[str, ...], tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\u202e"
    (tmp_path / "with.docx").write_bytes(essay(hostile))
    (tmp_path / "other.docx").write_bytes(replaced(essay("Cem"), APP, b"<a/>"))
    (tmp_path / "plain.txt").write_text(ESSAY)
    setup = llm_audit.Setup(model=tiny[1], population="own", cache=False)
    with setup.open() as ready:
        paths = [tmp_path / name for name in ("with.docx", "other.docx", "plain.txt")]
        report = llm_audit.detect(paths, setup=ready)
        silent = llm_audit.detect(paths, setup=ready, keep_text=False)
    first, second, third = report.documents
    assert {fact.name: fact.value for fact in first.facts}["Creator"] == hostile
    assert "Cem" in {fact.value for fact in second.facts} and len(second.facts) == 5 and third.facts == ()
    assert (first.verdict, first.combined, first.results) == (second.verdict, second.combined, second.results)
    assert silent.documents[0].facts == ()
    assert "facts" in report.to_dict()["subjects"][0] and "facts" not in report.to_dict()["subjects"][2]
    page = class_set.render(report)
    assert page.count("What the file says of itself") == 2 and "<script>" not in page and "\u202e" not in page
    assert "No part of the verdict." in page
