"""The report for GitLab's Code Quality widget: a JSON list of all that is not a pass, and not passed over.

The widget shows neither the code of a finding nor how many files there are, so each description begins with the code.
"""

from __future__ import annotations

import hashlib

from llm_audit.reports.formats import json
from llm_audit.reports.views.findings import Finding, findings
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
    counted = [one for one in findings(report, describe) if one.verdict is not Verdict.PASS and not one.suppression]
    return json.dump([_issue(found) for found in counted])


def _issue(found: Finding) -> dict[str, object]:
    lines = {"begin": found.places[0].start_line, "end": found.places[0].end_line} if found.places else {"begin": 1}
    return {
        "description": f"{found.rule.code}: {found.message}",
        "check_name": found.rule.code,
        "fingerprint": _unique(found),
        "severity": SEVERITIES[found.verdict],
        "location": {"path": found.path, "lines": lines},
    }


def _unique(found: Finding) -> str:
    """GitLab drops the second of two equal fingerprints."""
    if found.occurrence == 1:
        return found.fingerprint
    return hashlib.sha256(f"{found.fingerprint}:{found.occurrence}".encode()).hexdigest()
