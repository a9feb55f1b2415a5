"""The report for GitLab's Code Quality widget: a JSON list of everything but passes and suppressed findings.

The widget shows neither the code of a finding nor how many files there are, so each description begins with the code.
"""

from __future__ import annotations

import hashlib

from llm_audit.reports.formats import json
from llm_audit.reports.views.findings import Finding, findings, plain
from llm_audit.reports.wording.not_read import not_read
from llm_audit.results import Report, Verdict
from llm_audit.results.rules import Describe

SEVERITIES = {
    Verdict.FINDING: "major",
    Verdict.ERROR: "major",
    Verdict.INCONCLUSIVE: "info",
    Verdict.NOT_ASSESSABLE: "info",
}


def render(report: Report, describe: Describe) -> str:
    """The list, the worst first."""
    everything = findings(report, describe)
    counted = [finding for finding in everything if finding.verdict is not Verdict.PASS and not finding.suppression]
    return json.dump([*map(_issue, counted), *([_not_read(report)] if report.not_read else [])])


def _issue(finding: Finding) -> dict[str, object]:
    lines = {"begin": finding.places[0].start_line, "end": finding.places[0].end_line} if finding.places else {"begin": 1}
    return {
        "description": f"{finding.rule.code}: {finding.message}",
        "check_name": finding.rule.code,
        "fingerprint": _unique(finding),
        "severity": _severity(finding),
        "location": {"path": finding.path, "lines": lines},
    }


def _severity(finding: Finding) -> str:
    """The severity of a finding; in a gate, the policy decides what fails."""
    if finding.fails is None:
        return SEVERITIES[finding.verdict]
    return "major" if finding.fails else "info"


def _not_read(report: Report) -> dict[str, object]:
    """One issue on the project that counts the files not read, since the widget has no other place for it."""
    return {
        "description": plain(not_read(report.not_read)),
        "check_name": "not-read",
        "fingerprint": hashlib.sha256(b"not read").hexdigest(),
        "severity": "info",
        "location": {"path": ".", "lines": {"begin": 1}},
    }


def _unique(finding: Finding) -> str:
    """A distinct fingerprint for each finding, since GitLab drops the second of two equal ones."""
    if finding.occurrence == 1:
        return finding.fingerprint
    return hashlib.sha256(f"{finding.fingerprint}:{finding.occurrence}".encode()).hexdigest()
