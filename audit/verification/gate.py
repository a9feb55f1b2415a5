"""Verification of a gate's outcome: states of suppressions, q-values, verdicts, failures, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llm_audit.gating import Terms, settle
from llm_audit.results import GateOutcome, Report
from llm_audit.verification.ledger import Ledger


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
    documents, again = settle(report.documents, terms)
    ledger.same("gate", outcome, again)
    for place, stored, document in zip(places, report.documents, documents, strict=True):
        for name in ("gate", "verdict", "summary"):
            ledger.same(f"{place}.{name}", getattr(stored, name), getattr(document, name))
