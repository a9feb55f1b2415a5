"""Evidence about models: what they were trained on, and whether an endpoint serves the promised one."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.reports import format as fmt
from llm_audit.reports.compliance.model import Outcome, Pointer
from llm_audit.reports.compliance.seen import Seen, not_testable, numbers
from llm_audit.results import Report, Result, Verdict

OUTCOMES = {Verdict.FINDING: Outcome.FOUND, Verdict.PASS: Outcome.NOT_FOUND}
"""Verdict on an audit -> outcome; an undecided or unmeasured audit is no evidence either way."""


def membership_test(report: Report) -> Seen:
    """Whether a model was trained on a collection."""
    membership = report.membership
    if membership is None:
        return not_testable("The report tests no collection for membership in training data.")
    about = (
        f"{membership.claim} {membership.summary}",
        f"Independent units: {fmt.units(membership)}. Non-members: {membership.provenance}",
    )
    return _audit(report, "membership", membership.verdict, about, membership.tests)


def substitution_test(report: Report) -> Seen:
    """Whether an endpoint serves something else than it claims."""
    substitution = report.substitution
    if substitution is None:
        return not_testable("The report tests no endpoint for substitution of its model.")
    sent = f"{fmt.plural(substitution.cost.requests, 'request')}, {fmt.count(len(substitution.failures))} of them failed"
    allowed = ", ".join(substitution.allowed) or "nothing"
    about = (f"{substitution.claim} {substitution.summary}", f"{sent}; allowed as promised: {allowed}.")
    return _audit(report, "substitution", substitution.verdict, about, substitution.tests)


def _audit(report: Report, name: str, verdict: Verdict, about: tuple[str, ...], tests: Sequence[Result]) -> Seen:
    outcome = OUTCOMES.get(verdict, Outcome.NOT_TESTABLE)
    undecided = (fmt.NOTHING_SHOWN,) if outcome is Outcome.NOT_TESTABLE else ()
    pointers = [Pointer(where=f"{test.rule} {test.name}", path=f"/subjects/0/tests/{n}") for n, test in enumerate(tests)]
    whole = Pointer(where=f"the {name} audit", path="/subjects/0")
    numbered = tuple(numbers(test, report.manifest.alpha) for test in tests)
    return Seen(outcome, (*about, *undecided, *numbered), tuple(pointers) or (whole,))
