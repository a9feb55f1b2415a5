"""The page: what it says, and that nothing in a report can act on the reader's browser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from llm_audit.reports import render_html
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.checks import Skeleton
from tests.reports.hostile import plant

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
        if field == "Manifest.packages, keys":
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
    assert re.findall(r'<mark class="heat-(\w+)"><sup>(\d)</sup>', page) == [
        *(("0", "1"), ("5", "2"), ("1", "3")),
        *(("5", "4"), ("none", "5"), ("3", "6")),
    ]
    assert page.count("<title>Passage ") == 6
    assert "Passage 2: p = 0.0015" in page and "Passage 5: too short to judge" in page
    assert page.count("stands out</span>") == 1
    marked = Skeleton(page[page.index('<div class="text"') : page.index("</div>", page.index('<div class="text"'))])
    assert re.sub(r"\d", "", "".join(marked.texts)) == factory.prose()


def test_without_text_the_passages_are_named_by_place() -> None:
    document = factory.finding().model_copy(update={"text": None})
    page = render_html(factory.report(document))
    assert "characters 0 to 2" in page and 'class="text"' not in page


def test_many_passages_fit() -> None:
    page = render_html(factory.report(factory.many_passages()))
    assert page.count("<title>Passage ") == 120
    bars = re.findall(r'<rect class="heat-\w+" x="([\d.]+)" y="\d+" width="([\d.]+)" height="\d+"><title>', page)
    assert len(bars) == 120
    edges = [float(x) + float(width) for x, width in bars]
    assert max(edges) <= 1000


@pytest.mark.parametrize("made", REPORTS)
def test_equal_reports_give_equal_bytes(made: Callable[[], Report]) -> None:
    assert render_html(made()) == render_html(made())


@pytest.mark.parametrize("made", REPORTS)
def test_nothing_missing_reads_none(made: Callable[[], Report]) -> None:
    assert not re.search(r"\bNone\b|\bUndefined\b|Verdict\.|Authorship\.|\bnan\b", words(render_html(made())))
