"""Verification of a gate's outcome: states of suppressions, q-values, verdicts, failures, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llm_audit.detectors.registry import described, shipped
from llm_audit.gating.settle import Terms, settle
from llm_audit.results import Document, GateOutcome, Report, Verdict
from llm_audit.verification.ledger import Ledger

NOT_COUNTED = (
    "Whether the results of all rules that the policy counts are there was not compared: the version that wrote the report did "
    "not store which these are."
)


def _in_order(path: str, document: Document, ledger: Ledger) -> None:
    """Check the order of what is taken from the report: suppressions by line, then those of the baseline by rule; verdicts."""
    if document.gate is None:
        return
    places = [
        (known.kind == "baseline", known.line or 0, known.rule * (not known.line)) for known in document.gate.suppressions
    ]
    once = [rule for of_baseline, _, rule in places if of_baseline]
    right = places == sorted(places) and len(set(once)) == len(once)
    ledger.holds(f"{path}.suppressions", None, right, "are not in their order, each once")
    of_baseline = [known for known in document.gate.suppressions if known.kind == "baseline"]
    right = all(known.line is None and known.until is None for known in of_baseline)
    ledger.holds(f"{path}.suppressions", None, right, "are of the baseline, and have a line or an end")
    right = document.gate.known is not None or document.gate.known_passed is None
    ledger.holds(f"{path}.known_passed", None, right, "is said of a text that the baseline does not know")
    verdicts = [verdict for verdict in Verdict if verdict in document.gate.fail_on]
    ledger.same(f"{path}.fail_on", document.gate.fail_on, verdicts)


def _counted(path: str, document: Document, ledger: Ledger) -> None:
    """Check that the results of all rules of integrity are there that the policy counts for the text, and no others."""
    counted = document.gate.counted if document.gate else None
    if counted is not None:
        ledger.holds(f"{path}.gate.counted", None, list(counted) == sorted(set(counted)), "are not in their order, each once")
    if counted is None or document.sha256 is None or document.verdict is Verdict.ERROR:
        return
    asked = described("origin").code in counted
    right = asked == (document.why_unjudged != "not_asked")
    ledger.holds(f"{path}.gate.counted", None, right, "do not agree with whether it was asked who wrote the text")
    ours = {rule.code for rule in shipped("integrity") if rule.measure is not None}
    there = {result.rule for result in document.integrity} & ours
    ledger.holds(f"{path}.results", None, there == ours.intersection(counted), "are not those of the rules that count")


def gate(report: Report, outcome: GateOutcome, places: Sequence[str], ledger: Ledger) -> None:
    """Check all that follows from the single texts and the terms of the run.

    Inline suppressions, the baseline's entries and what the policy counts as a failure are taken from the report.
    """
    terms = Terms(
        alpha=report.manifest.alpha,
        day=outcome.day,
        inline_suppressions=outcome.inline_suppressions,
        baseline=outcome.baseline,
        changed_since=outcome.changed_since,
        left_out=outcome.left_out,
    )
    counts = Counter(result.rule for document in report.documents for result in document.wanted)
    for place, document in zip(places, report.documents, strict=True):
        for number, result in enumerate(document.results):
            if result in document.wanted:
                # All tests of one kind share the level.
                tests = getattr(result.evidence, "tests", None)
                ledger.same(f"{place}.results[{number}].evidence.tests", tests, counts[result.rule])
        _in_order(f"{place}.gate", document, ledger)
        _counted(place, document, ledger)
    used = any(
        known.kind == "baseline" for document in report.documents if document.gate for known in document.gate.suppressions
    )
    ledger.holds("gate.baseline", None, outcome.baseline is not None or not used, "is missing, although findings stand in it")
    known = {document.gate.counted is not None for document in report.documents if document.gate}
    ledger.holds("gate", None, len(known) < 2, "is of texts of which some lack the rules that count")
    if report.documents and known != {True}:
        ledger.notes.append(NOT_COUNTED)
    documents, again = settle(report.documents, terms)
    ledger.same("gate", outcome, again)
    for place, stored, document in zip(places, report.documents, documents, strict=True):
        for name in ("gate", "verdict", "summary"):
            ledger.same(f"{place}.{name}", getattr(stored, name), getattr(document, name))
