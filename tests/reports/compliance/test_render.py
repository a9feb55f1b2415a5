"""Compliance reports as people and programs get them: the three formats, and what never stands in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from llm_audit.common.errors import AuditError
from llm_audit.common.terminal import terminal_safe
from llm_audit.reports.compliance.assess import assess
from llm_audit.reports.compliance.framework import FRAMEWORKS, load
from llm_audit.reports.compliance.model import VERDICT, ComplianceReport
from llm_audit.reports.compliance.render import RENDERERS
from llm_audit.results import Report
from tests.reports import factory
from tests.reports.hostile import PAYLOADS, everywhere
from tests.reports.test_html import Skeleton, policy, words

REPORTS = (
    *(factory.report, factory.attribution_report),
    *(factory.membership_report, factory.untouched_report, factory.shifted_report),
    *(factory.substitution_report, factory.consistent_report, factory.not_measured_report),
)
HOLDS_ALL = ("eu-ai-act-50", "nist-ai-600-1")
"""Between them they ask for every kind of evidence, and for every claim."""

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
GOLDEN = Path("fixtures/golden")
TEXTS = [".html", ".md", ".json"]
REVIEWED = "Reviewed by A. Editor on 12 November 2026."


def rendered_as(report: Report, framework: str, claims: dict[str, str], suffix: str) -> str:
    text = RENDERERS[suffix](assess(report, *load(framework), claims))
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("made", REPORTS)
def test_no_rendering_gives_a_verdict_on_the_law(made: Callable[[], Report], framework: str, suffix: str) -> None:
    rendered = rendered_as(made(), framework, {}, suffix)
    assert not VERDICT.search(rendered)
    assert not re.search(r"\b(passed|failed the|violat|infring|lawful|certif)", rendered, re.IGNORECASE)


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_equal_reports_give_equal_bytes(framework: str, suffix: str) -> None:
    assert rendered_as(factory.report(), framework, {}, suffix) == rendered_as(factory.report(), framework, {}, suffix)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("made", REPORTS)
def test_the_json_is_the_model(made: Callable[[], Report], framework: str) -> None:
    found = assess(made(), *load(framework))
    assert ComplianceReport.model_validate_json(RENDERERS[".json"](found)) == found


@pytest.mark.parametrize("suffix", [".html", ".md"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_requirement_stands_with_its_evidence_result_and_limits(framework: str, suffix: str) -> None:
    found = assess(factory.report(), *load(framework))
    rendered = str(RENDERERS[suffix](found))
    text = words(rendered) if suffix == ".html" else re.sub(r"\\(?=[^A-Za-z0-9\s])|\u2060", "", rendered)
    for assessed in found.requirements:
        asked = assessed.requirement
        assert all(part in text for part in (asked.title, asked.reference, asked.asks, assessed.words, *asked.limits))
        assert all(sentence in text for evidence in assessed.evidence for sentence in evidence.sentences)
    head = found.framework
    assert all(
        part in text for part in (head.statement, head.notice, found.report_digest, found.framework_digest, *found.limits)
    )
    assert all(part in text for source in head.sources for part in (source.title, source.version, source.note))


def test_what_is_known_from_secondary_sources_only_is_marked() -> None:
    page = words(rendered_as(factory.report(), "eu-ai-act-50", {}, ".html"))
    assert "Code of Practice, Section 1, measures 1.1.1 and 1.1.2 unverified" in page
    assert page.count("Unverified, from secondary sources; check the primary text") == 4  # two requirements, a date, a source


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_claim_is_printed_as_unverified_and_changes_no_result(suffix: str) -> None:
    with_claim = rendered_as(factory.report(), "eu-ai-act-50", {"human-review": REVIEWED}, suffix)
    assert REVIEWED in with_claim
    if suffix != ".json":
        assert "Stated by the user, unverified" in with_claim
    stated = assess(factory.report(), *load("eu-ai-act-50"), {"human-review": REVIEWED})
    silent = assess(factory.report(), *load("eu-ai-act-50"))
    assert [assessed.result for assessed in stated.requirements] == [assessed.result for assessed in silent.requirements]
    assert [e.stated for assessed in stated.requirements for e in assessed.evidence if e.stated] == [REVIEWED]


@pytest.mark.parametrize(
    ("framework", "claims", "told"),
    [
        ("eu-ai-act-50", {"human-reveiw": "x"}, "no claim “human-reveiw” (did you mean “human-review”?)"),
        ("nist-ai-600-1", {"human-review": "x"}, "The framework nist-ai-600-1 asks for no claim “human-review”"),
        ("eu-ai-act-50", {"visible-label": " "}, "The claim “visible-label” is empty"),
    ],
)
def test_a_claim_that_would_get_lost_is_refused(framework: str, claims: dict[str, str], told: str) -> None:
    with pytest.raises(AuditError, match=re.escape(told)):
        rendered_as(factory.report(), framework, claims, ".html")


@pytest.mark.parametrize(
    ("name", "training"),
    [("finding", "evidence_found"), ("pass", "evidence_not_found"), ("not-assessable", "not_testable")],
)
def test_stored_reports_are_assessed_and_named_by_their_digest(name: str, training: str) -> None:
    data = (GOLDEN / f"{name}.json").read_bytes()
    report = Report.model_validate_json(data)
    for framework in FRAMEWORKS:
        found = json.loads(rendered_as(report, framework, {}, ".json"))
        assert found["report_digest"] == hashlib.sha256(data).hexdigest()
        results = {assessed["requirement"]["id"]: assessed["result"] for assessed in found["requirements"]}
        assert results.get("training-data", training) == training
        assert results.get("marked", "not_testable") == "not_testable"


def test_the_digest_of_another_file_can_be_given() -> None:
    found = json.loads(RENDERERS[".json"](assess(factory.report(), *load("generic"), {}, "ab" * 32)))
    assert found["report_digest"] == "ab" * 32


def test_two_hundred_documents_fit_on_a_page() -> None:
    report = factory.report(*(factory.finding(f"essays/{n}.txt") for n in range(200)))
    for framework in FRAMEWORKS:
        page = rendered_as(report, framework, {}, ".html")
        assert "200 subjects" in words(page) and "and 180 more, in the JSON" in words(page)
        assert len(page) < 100_000


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_page_has_one_heading_per_section_and_its_links_lead_somewhere(framework: str) -> None:
    page = rendered_as(factory.report(), framework, {}, ".html")
    skeleton = Skeleton(page)
    ids = [value for _, name, value in skeleton.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = [value[1:] for _, name, value in skeleton.attributes if name == "href"]
    labels = [value for _, name, value in skeleton.attributes if name == "aria-labelledby"]
    assert targets and {*targets, *labels} <= set(ids)
    assert "default-src 'none'" in policy(page) and "@import" not in page and "url(" not in page


@cache
def harmless(made: Callable[[], Report], framework: str) -> list[tuple[str, tuple[str, ...]]]:
    return Skeleton(rendered_as(everywhere("harmless", made), framework, claims("harmless", framework), ".html")).elements


def claims(text: str, framework: str) -> dict[str, str]:
    return {} if framework == "nist-ai-600-1" else {"human-review": text, "visible-label": text}


@pytest.mark.parametrize("made", REPORTS)
@pytest.mark.parametrize("payload", PAYLOADS[::24], ids=ascii)
def test_no_field_can_change_the_page(payload: str, made: Callable[[], Report]) -> None:
    for framework in HOLDS_ALL:
        page = rendered_as(everywhere(payload, made), framework, claims(payload, framework), ".html")
        skeleton = Skeleton(page)
        assert skeleton.elements == harmless(made, framework)
        for _, name, value in skeleton.attributes:
            assert not name.startswith("on") and name not in {"style", "src", "srcset", "action"}
            assert name != "href" or re.fullmatch(r"#requirement-\d+", value)
        assert terminal_safe(page) == page
        page.encode("utf-8")


@pytest.mark.parametrize("made", REPORTS)
@pytest.mark.parametrize("payload", PAYLOADS[::24], ids=ascii)
def test_no_field_can_act_in_markdown(payload: str, made: Callable[[], Report]) -> None:
    for framework in HOLDS_ALL:
        text = rendered_as(everywhere(payload, made), framework, claims(payload, framework), ".md")
        assert terminal_safe(text.replace("\u2060", "")) == text.replace("\u2060", "")  # the joiners are ours
        assert not re.search(r"https?://|www\.|@\w", re.sub(r"`[^`\n]*`", "", text))
        kinds = set()
        for token in MARKDOWN.parse(text):
            kinds |= {token.type, *(child.type for child in token.children or ())}
        assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence", "code_block", "s_open"}


def test_a_mark_of_a_list_at_the_start_of_a_name_starts_no_list() -> None:
    from llm_audit.reports.formats.markdown import prose

    for name in ("- x", "+ x", "1. x", "12) x", "# x", "> x", "* x", "| x | y |", "~~x~~", "a@b", "see #12", "`x`"):
        tokens = MARKDOWN.parse(prose(name))
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], name
        assert "".join(child.content for child in tokens[1].children or ()).replace("\u2060", "") == name


def test_no_address_and_no_mention_becomes_a_link() -> None:
    from llm_audit.reports.formats.markdown import prose

    text = prose("@octocat, a@evil.example, #12, org/repo#3, !4, www.evil.example, HTTPS://evil.example")
    assert not re.search(r"[@#!]\w|www\.|://", text, re.IGNORECASE)
