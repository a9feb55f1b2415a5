"""The sentence that a report opens with, the one that it ends with, and what folders hold that was not read."""

from __future__ import annotations

import csv
import io

import pytest

from llm_audit.detectors.integrity.base import examine, find_rules
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS, concise
from llm_audit.reports.formats.csv import COLUMNS
from llm_audit.reports.formats.csv import render as table
from llm_audit.reports.views.lead import _from_to, last_line, lead
from llm_audit.results import Document, NotRead, Stretch, Verdict
from tests.reports import factory

ALPHA = 0.01


def tampered(document: Document) -> Document:
    odd = tuple(examine(rule, "th\u200be qu\u200bick br\u2060own fox " * 3) for rule in find_rules())
    return document.model_copy(update={"results": (*document.results, *odd)})


def test_a_finding_says_how_many_human_texts_look_like_it() -> None:
    said = lead(factory.finding(p=1 / 700), ALPHA)
    assert said == (
        "This text reads like machine writing: "
        "at most 1 in 700 of the human texts that it was compared with looks as machine-like."
    )


def test_nothing_unusual_is_said_in_these_words() -> None:
    assert lead(factory.passing(), ALPHA).startswith("Nothing unusual")


@pytest.mark.parametrize("document", [factory.not_assessable(), factory.unreadable()])
def test_what_was_not_judged_is_neither_cleared_nor_suspected(document: Document) -> None:
    assert "neither cleared nor suspected" in lead(document, ALPHA)


def test_a_tampered_text_is_headed_by_the_tampering_whatever_its_p() -> None:
    said = lead(tampered(factory.passing()), ALPHA)
    assert "as its reader sees it. Nothing unusual" in said and said.startswith(
        "There is something odd in this text: invisible characters. It was changed, or copied from somewhere; what is "
    )


def partly(document: Document, share: float) -> Document:
    """Of whose lines the first ones read like machine writing."""
    assert document.text is not None
    text = document.text.replace(". ", ".\n")
    stretch = Stretch(start=0, end=round(share * document.characters))
    return document.model_copy(update={"text": text, "stretches": (stretch,)})


def test_a_part_is_named_by_its_share_and_its_lines() -> None:
    part = partly(factory.finding(), 0.4)
    said = lead(part.model_copy(update={"verdict": Verdict.PASS}), ALPHA)
    assert said.startswith("Part of this text reads like machine writing, about 40 % of its length: lines 1 to ")


def test_a_finding_is_of_the_whole_text_only_if_nearly_all_of_it_stands_out() -> None:
    rare = "t most 1 in 700 of the human texts that it was compared with"
    some, whole = (lead(partly(factory.finding(p=1 / 700), share), ALPHA) for share in (0.4, 0.9))
    assert some.startswith("Part of this text reads like machine writing, about 40 % of its length: lines 1 to ")
    assert some.endswith(f". A{rare} has a part that looks as machine-like.")
    assert whole == f"This text reads like machine writing: a{rare} looks as machine-like."


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("page 1, line 29 to 33", "page 2, line 10 to 16", "page 1, line 29 to page 2, line 16"),
        ("page 1, line 29", "page 1, line 42 to page 2, line 3", "page 1, line 29 to page 2, line 3"),
        ("page 1, line 2 to 4", "page 1, line 3 to 9", "page 1, line 2 to 9"),
        ("paragraph 2", "paragraph 4 to 5", "paragraph 2 to 5"),
        ("slide 3", "slide 3", "slide 3"),
        ("Preface", "chapter 2", "Preface to chapter 2"),
    ],
)
def test_places_with_names_are_said_from_the_first_to_the_last(first: str, last: str, said: str) -> None:
    assert _from_to(first, last) == said


def test_an_older_report_still_says_that_a_part_stands_out() -> None:
    older = factory.finding().model_copy(update={"verdict": Verdict.PASS})
    assert older.stretches is None
    assert lead(older, ALPHA) == "Part of this text reads like machine writing: the passages that stand out."


def test_the_last_line_counts_and_names_the_findings() -> None:
    report = factory.report(factory.finding("a.txt"), factory.passing("b.txt"), tampered(factory.passing("c.txt")))
    assert last_line(report) == "2 findings in 3 documents: a.txt, c.txt (invisible characters)."
    assert last_line(factory.report(factory.passing())) == "No findings in 1 judged document."
    assert (
        last_line(factory.report(factory.passing(), factory.unreadable())) == "No findings in 1 judged document; 1 not judged."
    )
    assert last_line(factory.report(factory.unreadable())) == "Nothing was judged in 1 document."
    assert last_line(factory.report(*(factory.finding(f"{n}.txt") for n in range(12)))).endswith("9.txt and 2 more.")


def test_the_last_line_says_by_what_a_gate_failed() -> None:
    short, lost = (factory.gated(each, fails=True) for each in (factory.not_assessable("c.txt"), factory.unreadable("d.pdf")))
    report = factory.report(factory.gated(factory.passing("b.txt")), short)
    assert last_line(report) == "No findings in 1 judged document; 1 not judged. Failed by 1 not assessable: c.txt."
    assert last_line(factory.report(short, lost)).endswith("Failed by 1 unreadable: d.pdf; 1 not assessable: c.txt.")
    assert concise.render(report, described).endswith("Failed by 1 not assessable: c.txt.\n")
    found = factory.report(factory.gated(factory.finding("a.txt"), fails=True))
    assert last_line(found) == "1 finding in 1 document: a.txt."


def test_the_table_has_a_row_for_each_document_and_no_formula() -> None:
    report = factory.report(factory.finding("=1+1.txt"), factory.unreadable(), factory.not_assessable())
    rows = list(csv.reader(io.StringIO(table(report), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row[1] for row in rows[1:-1]] == ["Finding", "Unreadable", "Not assessable"]
    assert rows[1][0] == "'=1+1.txt"
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert float(rows[1][3]) == pytest.approx(0.0005)
    assert rows[-1][0].startswith("All: 3 inputs")


NOT_READ = (NotRead(kind=".odg", count=2, on_purpose=False), NotRead(kind="hidden", count=9, on_purpose=True))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "pdf"])
def test_what_was_not_read_stands_in_every_format(name: str) -> None:
    report = factory.report(factory.finding()).model_copy(update={"not_read": NOT_READ})
    shown = FORMATS[name].renderer()(report, described)
    assert isinstance(shown, str)
    if name in ("json", "jsonl"):
        assert '"not_read"' in shown
    else:
        assert "11 entries not read: 2 .odg, 9 hidden" in shown.replace("\\", "").replace("\u2060", "")


def test_what_was_not_read_fails_a_strict_run_unless_it_was_left_out_on_purpose() -> None:
    report = factory.report(factory.passing())
    assert report.exit_code(strict=True) == 0
    assert report.model_copy(update={"not_read": NOT_READ}).exit_code(strict=True) == 3
    assert report.model_copy(update={"not_read": NOT_READ}).exit_code() == 0
    assert report.model_copy(update={"not_read": NOT_READ[1:]}).exit_code(strict=True) == 0
