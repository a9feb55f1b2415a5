"""A compliance report as a page, as Markdown and as JSON.

Knows nothing of how evidence is found. All words but the headings come from the framework and the audit report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llm_audit.reports import format as fmt
from llm_audit.reports.compliance.model import Assessed, ComplianceReport, Outcome
from llm_audit.reports.formats import html, json, pdf
from llm_audit.reports.formats.markdown import code, prose

MOST = 20
"""Most subjects and places listed on a page; the JSON has all of them."""

LABELS: dict[Outcome, tuple[str, str]] = {
    Outcome.FOUND: ("▲", "Evidence found"),
    Outcome.NOT_FOUND: ("○", "Evidence not found"),
    Outcome.NOT_TESTABLE: ("–", "Not testable"),
}
"""Outcome -> sign and words, so that outcomes do not differ by colour alone."""

MEANINGS: dict[Outcome, str] = {
    Outcome.FOUND: "The audit report holds it. What it is evidence of stands beside it.",
    Outcome.NOT_FOUND: "The audit looked, and did not find it. That is no proof of the opposite.",
    Outcome.NOT_TESTABLE: "The audit did not or could not look, or could not decide. Nothing was shown either way.",
}

NEEDS = {"all": "all of the evidence", "any": "any of the evidence"}
ADDRESSED = {"provider": "Providers", "deployer": "Deployers", "both": "Providers and deployers"}
CHECKED = {
    "primary": "read in the primary text",
    "copy": "read in verbatim copies; check the primary text",
    "secondary": "unverified, from secondary sources; check the primary text",
}
STATED = "Stated by the user, unverified"


def render_json(report: ComplianceReport) -> str:
    """The compliance report as indented JSON."""
    return json.dump(report.model_dump(mode="json"))


def render_html(report: ComplianceReport) -> str:
    """The compliance report as one printable HTML page."""
    return html.page("compliance.html.j2", more=("compliance.css",), report=report, **_words(report))


def render_markdown(report: ComplianceReport) -> str:
    """The compliance report as Markdown for GitHub and GitLab: no HTML, no links except to headings, no mentions."""
    return "\n".join(_markdown(report)) + "\n"


def render_pdf(report: ComplianceReport) -> bytes:
    """The HTML page as PDF."""
    return pdf.from_page(render_html(report))


RENDERERS: dict[str, Callable[[ComplianceReport], str | bytes]] = {
    ".html": render_html,
    ".htm": render_html,
    ".pdf": render_pdf,
    ".md": render_markdown,
    ".json": render_json,
}


def _words(report: ComplianceReport) -> dict[str, Any]:
    results = [assessed.result for assessed in report.requirements]
    return {
        "labels": LABELS,
        "meanings": MEANINGS,
        "tally": [(outcome, results.count(outcome)) for outcome in Outcome],
        "needs": NEEDS,
        "addressed": ADDRESSED,
        "checked": CHECKED,
        "stated": STATED,
        "most": MOST,
    }


def _markdown(report: ComplianceReport) -> Iterable[str]:
    head = report.framework
    counts = (f"{fmt.count(n)} {LABELS[outcome][1].lower()}" for outcome, n in _words(report)["tally"])
    yield f"# {prose(head.title)}"
    yield from ("", prose(head.about), "", f"**{prose(head.statement)}**", "")
    yield f"- Audit: {prose(report.question)} {prose(fmt.moment(report.started))}, α = {report.alpha:g}"
    yield f"- Tool: {prose(report.tool)} {prose(report.version)}"
    yield f"- Audit report: SHA-256 {code(report.report_digest)}"
    yield f"- Framework: {prose(head.name)}, edition {head.edition}, SHA-256 {code(report.framework_digest)}"
    for subject in report.subjects[:MOST]:
        yield f"- Audited: {prose(subject.name)}" + (f", SHA-256 {code(subject.sha256)}" if subject.sha256 else "")
    if len(report.subjects) > MOST:
        yield f"- and {fmt.count(len(report.subjects) - MOST)} more, in the JSON"
    yield f"- Of {fmt.plural(len(report.requirements), 'requirement')}: {', '.join(counts)}"
    yield from ("", "| requirement | reference | result | |", "|---|---|---|---|")
    for assessed in report.requirements:
        requirement, label = assessed.requirement, " ".join(LABELS[assessed.result])
        yield f"| {prose(requirement.title)} | {prose(requirement.reference)} | {label} | {prose(assessed.words)} |"
    for assessed in report.requirements:
        yield from _requirement_markdown(assessed)
    yield from ("", "## What the results mean", "")
    yield from (f"- {' '.join(LABELS[outcome])}: {MEANINGS[outcome]}" for outcome in Outcome)
    for heading, lines in (
        ("Not looked at", head.outside),
        ("What the audit report itself does not prove", report.limits),
        ("Dates", [f"{date.day}: {date.what} ({CHECKED[date.checked]})" for date in head.dates]),
        ("Sources", [f"{s.title}, {s.version}: {CHECKED[s.checked]}. {s.note}" for s in head.sources]),
    ):
        if lines:
            yield from ("", f"## {heading}", "", *(f"- {prose(line)}" for line in lines))
    yield from ("", prose(head.notice), "", "Reviewed by, role, date, signature: ________________________________")


def _requirement_markdown(assessed: Assessed) -> Iterable[str]:
    requirement = assessed.requirement
    yield from ("", f"## {prose(requirement.title)}", "")
    yield f"**{' '.join(LABELS[assessed.result])}.** {prose(assessed.words)}"
    yield ""
    reference, addressed = prose(requirement.reference), ADDRESSED[requirement.binds].lower()
    yield f"{reference} ({CHECKED[requirement.checked]}). Addressed to: {addressed}. {prose(requirement.asks)}"
    if len(assessed.evidence) > 1:
        yield f"Counts as found with {NEEDS[requirement.needs]}."
    yield ""
    for evidence in assessed.evidence:
        yield f"- {evidence.title}: {' '.join(LABELS[evidence.outcome])}. {prose(' '.join(evidence.sentences))}"
        if evidence.stated:
            yield f"  - {STATED}: “{prose(evidence.stated)}”"
        if evidence.pointers:
            shown = ", ".join(f"{code(pointer.path)}" for pointer in evidence.pointers[:MOST])
            more = len(evidence.pointers) - MOST
            yield f"  - In the report: {shown}" + (f" and {fmt.count(more)} more" if more > 0 else "")
    yield from (f"- Limit: {prose(limit)}" for limit in requirement.limits)
