"""From the results about an endpoint to the verdict about it; pure, so that `llm-audit verify` concludes again.

Knows nothing about endpoints or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llm_audit.detectors.registry import find_rule
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, decision
from llm_audit.detectors.substitution import exceedance
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.teacher_forced import Distances
from llm_audit.reports.wording import substitution as wording
from llm_audit.results import Result, Served, Substitution, Verdict
from llm_audit.results.substitution_evidence import Conformance, Discrepancy, Exceedance, OnlineRanks, PromptCounts
from llm_audit.stats.combination import holm

MOST_MISSING = 0.1
"""Share of questions without a comparable answer above which nothing is called consistent."""


def conclude(subject: Substitution, terms: Terms) -> Substitution:
    """The endpoint with everything that follows from its results.

    Verdicts of the tests by Holm, the share of moved requests, verdict and summary. The tests are derived from their evidence
    first, since what Holm makes of a result cannot be undone: it does not matter whether they come before or after Holm.
    """
    tests = _decided(sorted(subject.tests, key=lambda test: test.rule), terms)
    distances = next((test.evidence for test in tests if isinstance(test.evidence, OnlineRanks)), None)
    moved = None
    if distances is not None and any(isinstance(test.evidence, Exceedance) for test in tests):
        moved = exceedance.moved(Distances.of(distances), terms.alpha)
    subject = subject.model_copy(
        update={"tests": tests, "mixture": moved and moved.rate, "points": moved.points if moved else ()}
    )
    # Until something could be compared, all is missing: texts alone do not stand for it.
    missing = 1.0 if distances is None else distances.missing / distances.asked
    if any(not _joint(test) for test in tests):
        missing = 0.0
    served, summary = _verdict(subject, missing)
    if subject.mixture is not None and served is not Served.NOT_MEASURED:
        summary += f" {wording.moved(subject.mixture, served, exceedance.confidence(terms.alpha))}"
    if served is Served.CONSISTENT and (sentence := _placeholders(tests)):
        summary += f" {sentence}"
    if any(isinstance(test.evidence, PromptCounts) and test.verdict is Verdict.INCONCLUSIVE for test in tests):
        summary += f" {wording.COUNTED_OTHERWISE}"
    known = subject.reference or subject.since  # early versions stored neither, nor the obstacle
    hindered = served is Served.NOT_MEASURED and not any(test.verdict is Verdict.PASS for test in _judged(subject))
    return subject.model_copy(
        update={
            "served": served,
            "verdict": _VERDICTS[served],
            "summary": summary if known else subject.summary,
            "claim": wording.claim(subject) if known else subject.claim,
            "obstacle": subject.obstacle if hindered else None,
        }
    )


_VERDICTS = {
    Served.INCONSISTENT: Verdict.FINDING,
    Served.CONSISTENT: Verdict.PASS,
    Served.NOT_MEASURED: Verdict.NOT_ASSESSABLE,
}


def _judged(subject: Substitution) -> list[Result]:
    return [test for test in subject.tests if test.p_value is not None]


def _joint(test: Result) -> bool:
    rule = find_rule(test.rule)
    return rule.joint if isinstance(rule, SubstitutionRule) else True


def _verdict(subject: Substitution, missing: float) -> tuple[Served, str]:
    """The verdict from the tests, and its sentence. `missing`: share of questions without a comparable answer."""
    judged = _judged(subject)
    findings = [test for test in judged if test.verdict is Verdict.FINDING]
    passed = [test for test in judged if test.verdict is Verdict.PASS]
    if findings:
        return Served.INCONSISTENT, wording.difference(subject, findings[0])
    if passed and subject.since:
        return Served.CONSISTENT, wording.passed(subject, passed[0])
    if subject.tests and subject.since:
        return Served.NOT_MEASURED, wording.undecided(subject.tests[0])
    if defective := _defective(subject.tests):
        return Served.NOT_MEASURED, defective
    if passed and missing > MOST_MISSING:
        return Served.NOT_MEASURED, wording.missing(missing)
    if passed:
        return Served.CONSISTENT, wording.passed(subject, passed[0])
    return Served.NOT_MEASURED, wording.hindered(subject)


def _defective(tests: Sequence[Result]) -> str | None:
    """The reason why the endpoint's numbers are no evidence, as a sentence; None if they are.

    One answer that contradicts itself is enough: whoever serves it, its numbers are not what they are said to be.
    """
    for test in tests:
        counted = test.evidence
        if isinstance(counted, Conformance) and counted.answers and counted.defective and counted.flaws:
            if counted.contradictory:
                return wording.defective(counted.contradictory, counted.answers, counted.flaws[0], contradictory=True)
            if counted.defective > MOST_MISSING * counted.answers:
                return wording.defective(counted.defective, counted.answers, counted.flaws[0], contradictory=False)
    return None


def _placeholders(tests: Sequence[Result]) -> str:
    """Sentence on placeholder numbers; "" if there are none, or if the report is from before they were counted."""
    for test in tests:
        counted = test.evidence
        if isinstance(counted, Conformance) and counted.placeholders and counted.answers:
            return wording.placeholders(counted.placeholders, counted.answers)
    return ""


def _decided(tests: Sequence[Result], terms: Terms) -> tuple[Result, ...]:
    """The tests with their verdicts by Holm. One that cannot be derived again counts for Holm, and keeps its verdict."""
    again = [_derived(test, replace(terms, beside=tuple(tests))) for test in tests]
    decided = by_holm([test or stored for test, stored in zip(again, tests, strict=True)], terms.alpha)
    return tuple(stored if test is None else final for test, stored, final in zip(again, tests, decided, strict=True))


def _derived(test: Result, terms: Terms) -> Result | None:
    rule = find_rule(test.rule)
    try:
        return rule.derive(Measurement.of(test), terms) if rule else None
    except NotDerivable:
        return None


def by_holm(tests: Sequence[Result], alpha: float) -> list[Result]:
    """The results with the verdicts that follow from their p-values by Holm, over those that have one and share alpha."""
    shared = [at for at, test in enumerate(tests) if test.p_value is not None and _joint(test)]
    decided = list(tests)
    if shared:
        for at, p in zip(shared, holm([tests[at].p_value or 0.0 for at in shared]).tolist(), strict=True):
            decided[at] = _with_verdict(tests[at], p, len(shared), alpha)
    return decided


def _with_verdict(test: Result, p: float, tests: int, alpha: float) -> Result:
    verdict, then = decision(p, (test.p_floor or 0.0) * tests, alpha)
    if isinstance(test.evidence, Discrepancy) and test.evidence.raw_p is None:
        return test.model_copy(update={"verdict": verdict})  # of an early version, whose sentence is whole
    return test.model_copy(update={"verdict": verdict, "reason": wording.by_holm(test, p, tests, alpha, then)})
