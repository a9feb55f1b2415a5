"""The report in one line a document, `path:line: CODE p=0.0006 finding`: for logs, and for programs that jump to a line.

The worst come first. Findings on one document under several codes, such as odd characters, have a line each. The last line
counts the inputs, and states why a gate failed.
"""

from __future__ import annotations

from llm_audit.reports import format as fmt
from llm_audit.reports.views.findings import Finding, coverage, findings
from llm_audit.reports.views.lead import failed_by
from llm_audit.results import Report, Verdict
from llm_audit.results.rules import Describe


def render(report: Report, describe: Describe) -> str:
    """A line for each subject, judged or not, and a last line with counts."""
    lines = [_line(found) for found in findings(report, describe)]
    return "".join(f"{line}\n" for line in [*lines, " ".join([coverage(report), *failed_by(report)])])


def _line(found: Finding) -> str:
    place = found.path if found.subject == "document" else found.name
    if found.places:
        place = f"{place}:{found.places[0].start_line}"
    words = [found.rule.code, *found.equations, fmt.LABELS[found.verdict][1].lower()]
    said = f"{place}: {' '.join(words)}"
    if found.suppression:
        return f"{said}, passed over"
    return f"{said}: {found.summary}" if found.verdict is Verdict.ERROR else said
