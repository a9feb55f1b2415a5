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
    lines = [_line(finding) for finding in findings(report, describe)]
    return "".join(f"{line}\n" for line in [*lines, " ".join([coverage(report), *failed_by(report)])])


def _line(finding: Finding) -> str:
    place = finding.path if finding.subject == "document" else finding.name
    if finding.places:
        place = f"{place}:{finding.places[0].start_line}"
    words = [finding.rule.code, *finding.equations, fmt.LABELS[finding.verdict][1].lower()]
    line = f"{place}: {' '.join(words)}"
    if finding.suppression:
        return f"{line}, passed over"
    return f"{line}: {finding.summary}" if finding.verdict is Verdict.ERROR else line
