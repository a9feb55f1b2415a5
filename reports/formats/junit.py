"""The report as JUnit XML: a test case for each subject. A finding is a failure, unreadable an error, no answer skipped.

In a gate, whatever fails it is a failure, and all other non-passes, suppressed findings included, are skipped.

Written with the standard library: characters that XML 1.0 does not know are made visible before, and the bytes are the same
whatever else is installed. Follows the schema of Jenkins' xUnit plug-in.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from llm_audit.reports import format as fmt
from llm_audit.reports.views.findings import Finding, coverage, findings, passage, plain
from llm_audit.results import Report, Verdict
from llm_audit.results.rules import Describe

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ELEMENTS = {
    Verdict.FINDING: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.NOT_ASSESSABLE: "skipped",
}


def render(report: Report, describe: Describe) -> str:
    """One test suite, the worst cases first. Without times, so that equal reports give equal bytes."""
    cases = findings(report, describe)
    elements = [_element(finding) for finding in cases]
    counts = {
        "tests": str(len(cases)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
    }
    root = ET.Element("testsuites", {"name": "llm-audit", **counts})
    skipped = str(elements.count("skipped"))
    about = {"name": _legal(report.question), **counts, "skipped": skipped, "timestamp": _legal(report.manifest.started or "")}
    suite = ET.SubElement(root, "testsuite", about)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", {"name": name, "value": _legal(value)})
    for finding in cases:
        _case(suite, finding)
    ET.SubElement(suite, "system-out").text = _legal("\n".join([coverage(report), *map(plain, report.limits)]))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _properties(report: Report) -> list[tuple[str, str]]:
    manifest = report.manifest
    properties = [("version", manifest.version), ("alpha", str(manifest.alpha))]
    if manifest.policy:
        properties.append(("policy digest", manifest.policy))
    if manifest.model:
        properties += [("model", manifest.model.name), ("model digest", manifest.model.digest)]
    if manifest.population:
        properties += [("population", manifest.population), ("population digest", manifest.population_digest or "")]
    return properties


def _case(suite: ET.Element, finding: Finding) -> None:
    code = finding.rule.code
    case = ET.SubElement(suite, "testcase", {"name": _legal(finding.name), "classname": f"llm-audit.{code}"})
    name = _element(finding)
    if name is None:
        ET.SubElement(case, "system-out").text = _legal(finding.message)
        return
    known = f", passed over {fmt.known(finding.suppression)}" if finding.suppression else ""
    label = fmt.LABELS[finding.verdict][1]
    # A summary that begins with the verdict does not say it again.
    summary = re.sub(f"^{label}[.:] ", "", finding.summary)
    message = f"{label}{known}: {summary}"
    element = ET.SubElement(case, name, {"message": _legal(message), "type": f"{code}.{finding.verdict.value}"})
    places = [f"{finding.path}:{at.start_line}:{at.start_column}: {passage(at)}" for at in finding.places]
    element.text = _legal("\n".join([finding.message, *places]))


def _element(finding: Finding) -> str | None:
    """Element in which a case ends: failure, error or skipped; None for a pass."""
    element = ELEMENTS.get(finding.verdict)
    if finding.fails is None or element is None:
        return element
    # After the gate it is the policy that says what fails.
    return ("error" if element == "error" else "failure") if finding.fails else "skipped"


def _legal(text: str) -> str:
    """Text without characters that XML 1.0 forbids; control characters are made visible."""
    lines = (plain(line) for line in text.split("\n"))
    return _ILLEGAL.sub(lambda match: f"\\u{ord(match[0]):04x}", "\n".join(lines))
