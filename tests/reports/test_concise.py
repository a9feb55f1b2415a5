"""One line a document: where, which code, which numbers, what came of it."""

from __future__ import annotations

import re

from llm_audit.detectors.registry import described
from llm_audit.reports.formats import concise
from llm_audit.results import Report
from tests.reports import factory

LINE = re.compile(r"(?P<path>[^\n]+?)(:(?P<line>\d+))?: (?P<code>AUD\d{3})( [pq](=|<=|<|>)[\d.]+)* (?P<verdict>[^\n]+)")


def lines(report: Report) -> list[str]:
    text = concise.render(report, described)
    assert text.endswith("\n")
    return text.splitlines()


def test_every_verdict_is_a_line_the_worst_first_and_the_last_line_counts() -> None:
    assert lines(factory.report()) == [
        "essays/müller_anna.txt:3: AUD100 p<=0.0005 finding",
        "essays/scan.pdf: AUD000 unreadable: This PDF holds pictures of pages and no text.",
        "essays/short note.txt: AUD100 not assessable",
        "essays/okafor_ben.txt: AUD100 p=0.43 no finding",
        "4 inputs: 2 judged, 1 not assessable, 1 unreadable.",
    ]


def test_what_was_tested_together_has_a_q_value_and_what_is_passed_over_says_so() -> None:
    said = "\n".join(lines(factory.gate_report()))
    assert re.search(r"AUD100 p<?=[\d.]+ q<?=[\d.]+ finding$", said, re.M)
    assert re.search(r"finding, passed over$", said, re.M)


def test_collections_and_endpoints_have_a_line_too() -> None:
    assert LINE.fullmatch(lines(factory.membership_report())[0])
    assert LINE.fullmatch(lines(factory.substitution_report())[0])


def test_a_name_can_forge_no_line() -> None:
    said = lines(factory.report(factory.unreadable("a.txt\nb.txt:1: AUD100 p=1 no finding")))
    assert len(said) == 2 and said[0].startswith("a.txt\\nb.txt")
