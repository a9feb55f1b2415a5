"""The report as commands to a GitHub workflow: an annotation for everything but passes, and a line that counts the inputs.

GitHub shows the first ten of each kind in a step; the others are counted.
"""

from __future__ import annotations

from llm_audit.reports import format as fmt
from llm_audit.reports.views.findings import Finding, coverage, findings
from llm_audit.results import Report, Verdict
from llm_audit.results.rules import Describe

SHOWN = 10
"""Most annotations of a kind that GitHub shows."""

COMMANDS = {
    Verdict.FINDING: "error",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "warning",
    Verdict.NOT_ASSESSABLE: "warning",
}


def render(report: Report, describe: Describe) -> str:
    """One command a line, the worst first."""
    counted = [finding for finding in findings(report, describe) if finding.verdict is not Verdict.PASS]
    shown = [
        finding
        for name in ("error", "warning", "notice")
        for finding in [entry for entry in counted if _name(entry) == name][: SHOWN - (name == "notice")]
    ]
    more = len(counted) - len(shown)
    last = f"{coverage(report)}{f' {more:,} more of them have no annotation: GitHub shows {SHOWN} of a kind.' if more else ''}"
    return "".join([*map(_annotation, shown), _command("notice", {"title": "llm-audit"}, last)])


def _name(finding: Finding) -> str:
    """The kind of a finding's annotation; in a gate, the policy decides what fails."""
    if finding.fails is None:
        return "notice" if finding.suppression else COMMANDS[finding.verdict]
    return "error" if finding.fails else "notice"


def _annotation(finding: Finding) -> str:
    properties = {"title": f"{finding.rule.code} {fmt.LABELS[finding.verdict][1]}"}
    if finding.subject == "document" and finding.name != "-":
        properties = {"file": finding.path, **_lines(finding), **properties}
    return _command(_name(finding), properties, finding.message)


def _lines(finding: Finding) -> dict[str, str]:
    if not finding.places:
        return {}
    place = finding.places[0]
    lines = {"line": str(place.start_line), "endLine": str(place.end_line)}
    # Columns are shown within one line only.
    one_line = place.start_line == place.end_line
    return lines | ({"col": str(place.start_column), "endColumn": str(place.end_column)} if one_line else {})


def _command(name: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
