"""The report as SARIF 2.1.0: one run, a result for everything but passes, and every input in the list of artifacts.

Passes are no results, because GitHub shows a result as an alert whatever its `kind`: a text without a finding would be listed
as a problem. They are artifacts, with verdict and digest, so that nothing that was judged is missing.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from llm_audit.reports import format as fmt
from llm_audit.reports.formats import json
from llm_audit.reports.views.findings import Finding, coverage, findings, passage, plain
from llm_audit.reports.views.places import Place, uri_of
from llm_audit.results import Report, Verdict
from llm_audit.results.rules import Describe, RuleFacts

MOST_RESULTS, SHOWN_RESULTS, MOST_PLACES, MOST_BYTES = 25_000, 5_000, 100, 10_000_000
"""Limits of GitHub: results accepted per run, results shown, places shown per result, bytes of the compressed file."""

KINDS = {
    Verdict.FINDING: "fail",
    Verdict.ERROR: "review",
    Verdict.INCONCLUSIVE: "open",
    Verdict.NOT_ASSESSABLE: "notApplicable",
}
TAGS = ["llm-audit", "provenance", "statistics"]


def render(report: Report, describe: Describe) -> str:
    """The log. If it is larger than GitHub takes, the last results and artifacts are left out, and a notification says so."""
    entries = findings(report, describe)
    most = MOST_RESULTS
    while True:
        text = json.dump(_log(report, entries, most))
        # Compressed it is smaller.
        if len(text) <= MOST_BYTES or len(gzip.compress(text.encode(), mtime=0)) <= MOST_BYTES or not most:
            return text
        most //= 2


def _log(report: Report, entries: list[Finding], most: int) -> dict[str, Any]:
    all_results = [finding for finding in entries if finding.verdict is not Verdict.PASS]
    results = all_results[:most]
    artifacts: dict[tuple[object, ...], Finding] = {}
    for finding in entries[:most]:
        artifacts.setdefault(_file(finding), finding)  # a file may have several results
    places = {file: index for index, file in enumerate(artifacts)}
    rules = list({finding.rule.code: finding.rule for finding in results}.values())
    started = _utc(report.manifest.started or "")
    invocation: dict[str, Any] = {
        "executionSuccessful": all(finding.verdict is not Verdict.ERROR for finding in entries),
        "arguments": [plain(argument) for argument in report.manifest.command[1:]],
        **({"startTimeUtc": started} if started else {}),
        "toolExecutionNotifications": [
            *_left_out(len(all_results), len(entries), most),
            *([_note("warning", f"Not every input was judged. {coverage(report)}")] if _not_all(report) else []),
            *(_note("error", finding.message, finding) for finding in results if finding.verdict is Verdict.ERROR),
        ],
    }
    compared = bool(report.gate and report.gate.baseline)
    about = report.model_dump(include={"question", "coverage", "not_read", "limits", "manifest"})
    run = {
        "tool": {
            "driver": {
                "name": "llm-audit",
                "version": plain(report.manifest.version),
                "rules": [_rule(rule, report.limits) for rule in rules],
            }
        },
        "automationDetails": {"id": f"llm-audit/{_category(report)}/{started}"},
        "columnKind": "utf16CodeUnits",
        "invocations": [invocation],
        "artifacts": [_artifact(finding) for finding in artifacts.values()],
        "results": [
            _result(finding, places[_file(finding)], rules) | _known(finding, compared=compared) for finding in results
        ],
        "properties": {"llm-audit": _safe(about)},
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _not_all(report: Report) -> bool:
    return bool(report.coverage.unreadable or report.not_read)


def _result(finding: Finding, index: int, rules: list[RuleFacts]) -> dict[str, Any]:
    # After the gate it is the policy that says what fails, and what is no more than a note.
    kind = "fail" if finding.fails else KINDS[finding.verdict]
    level = "note" if finding.fails is False else "error"
    location: dict[str, Any] = {"physicalLocation": _physical(finding, finding.places[0] if finding.places else None)}
    location["physicalLocation"]["artifactLocation"]["index"] = index
    if finding.subject != "document":
        location["logicalLocations"] = [{"fullyQualifiedName": finding.name, "kind": finding.subject}]
    result = {
        "ruleId": finding.rule.code,
        "ruleIndex": rules.index(finding.rule),
        "kind": kind,
        "level": level if kind == "fail" else "none",  # the standard wants none for every other kind
        "message": {"text": _text(finding.message)},
        "locations": [location],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{finding.fingerprint[:16]}:{finding.occurrence}",
            "llmAuditFinding/v1": finding.fingerprint,
        },
        "properties": {"verdict": finding.verdict.value, "subject": finding.subject, "name": finding.name, "p": finding.p},
    }
    if len(finding.places) > 1:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _physical(finding, place), "message": {"text": passage(place)}}
            for number, place in enumerate(finding.places[:MOST_PLACES])
        ]
    return result


def _known(finding: Finding, *, compared: bool) -> dict[str, Any]:
    """Suppression and baseline state of a result, from the text itself and from a baseline if there was one."""
    suppression = finding.suppression
    known: dict[str, Any] = {}
    if suppression:
        kind = "inSource" if suppression.kind == "inline" else "external"
        known["suppressions"] = [{"kind": kind, "status": "accepted", "justification": _text(plain(fmt.known(suppression)))}]
    if compared:
        known["baselineState"] = "unchanged" if suppression and suppression.kind == "baseline" else "new"
    return known


def _physical(finding: Finding, place: Place | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri_of(finding.path)}}
    if place:
        physical["region"] = {
            "startLine": place.start_line,
            "startColumn": place.start_column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        }
    return physical


def _file(finding: Finding) -> tuple[object, ...]:
    """Key that tells two artifacts apart: no two in the list may be equal."""
    return finding.path, finding.name, finding.sha256, finding.verdict


def _artifact(finding: Finding) -> dict[str, Any]:
    artifact: dict[str, Any] = {"location": {"uri": uri_of(finding.path)}, "roles": ["analysisTarget"]}
    if finding.sha256:
        artifact["hashes"] = {"sha-256": plain(finding.sha256)}
    return artifact | {"properties": {"verdict": finding.verdict.value, "name": finding.name}}


def _rule(rule: RuleFacts, limits: Sequence[str]) -> dict[str, Any]:
    proves = [rule.meaning, "What this does not prove:", *map(plain, limits)]
    help_text = " ".join([*proves, f"More of the rule: llm-audit explain {rule.code}"])
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": _text(help_text)},
        **({"helpUri": rule.page} if rule.page else {}),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": TAGS, "precision": "medium"},
    }


def _note(level: str, text: str, about: Finding | None = None) -> dict[str, Any]:
    note: dict[str, Any] = {"level": level, "message": {"text": _text(text)}}
    if about:
        note |= {"associatedRule": {"id": about.rule.code}, "locations": [{"physicalLocation": _physical(about, None)}]}
    return note


def _left_out(results: int, artifacts: int, most: int) -> list[dict[str, Any]]:
    """Notes on results and artifacts that the file, or GitHub's view of it, leaves out."""
    notes = []
    if artifacts > most:
        text = f"Left out, for the limits of GitHub: {max(0, results - most)} of {results} results and {artifacts - most} of "
        notes.append(
            _note("warning", f"{text}{artifacts} inputs, the least conspicuous ones. The JSON report has all of them.")
        )
    if min(results, most) > SHOWN_RESULTS:
        notes.append(_note("note", f"GitHub shows {SHOWN_RESULTS} of these {min(results, most)} results."))
    return notes


def _text(message: str) -> str:
    """A message escaped, since SARIF would turn [words](address) into a link."""
    return message.replace("](", "] (")


def _category(report: Report) -> str:
    """Category of the run: on GitHub it replaces earlier runs of its category."""
    if report.gate:
        return "gate"
    for name in ("substitution", "membership", "corpus", "benchmark"):
        if getattr(report, name):
            return name
    return "attribution" if any(document.attributions for document in report.documents) else "detection"


def _utc(moment: str) -> str:
    """A time in SARIF's format; "" if the argument is no time."""
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(key): _safe(member) for key, member in sorted(value.items())}
    return [_safe(member) for member in value] if isinstance(value, tuple | list) else value
