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
from llm_audit.results import Result, Served, Substitution, Verdict
from llm_audit.results.substitution_evidence import Conformance, Discrepancy, Exceedance, OnlineRanks
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
        least = f"Between {subject.mixture.lower:.1%} and" if served is Served.INCONSISTENT else "At most"
        summary += (
            f" {least} {subject.mixture.upper:.1%} of requests were moved out of the honest range; what stays in it is not "
            "counted."
        )
    known = subject.reference or subject.since  # early versions stored neither, nor the obstacle
    hindered = served is Served.NOT_MEASURED and not any(test.verdict is Verdict.PASS for test in _judged(subject))
    return subject.model_copy(
        update={
            "served": served,
            "verdict": _VERDICTS[served],
            "summary": summary if known else subject.summary,
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
    """What the tests come to, and its sentence. `missing` is the share of questions without a comparable answer."""
    judged = _judged(subject)
    findings = [test.reason for test in judged if test.verdict is Verdict.FINDING]
    passed = [test.reason for test in judged if test.verdict is Verdict.PASS]
    if findings and subject.since:
        return Served.INCONSISTENT, f"The endpoint has changed since {subject.since}: {findings[0]}"
    if findings:
        return (
            Served.INCONSISTENT,
            f"The endpoint is not what was promised, if the tests' assumptions hold: {findings[0]}",
        )
    if passed and subject.since:
        return Served.CONSISTENT, f"No change since {subject.since} was found: {passed[0]}"
    if passed and (defective := _defective(subject.tests)):
        return Served.NOT_MEASURED, f"Not measured: defective evidence. {defective} Nothing was shown either way."
    if passed and missing > MOST_MISSING:
        return Served.NOT_MEASURED, (
            f"Not measured: {missing:.0%} of the questions have no answer that can be compared, and whoever hides a "
            f"substitute would leave out just those. The others show no difference; nothing was shown of these."
        )
    if passed:
        return Served.CONSISTENT, f"No test tells the endpoint from {subject.reference}. {passed[0]}"
    if judged and subject.since:
        return Served.NOT_MEASURED, f"Not measured: {judged[0].reason}"
    if defective := _defective(subject.tests):
        return Served.NOT_MEASURED, f"Not measured: defective evidence. {defective} Nothing was shown either way."
    return Served.NOT_MEASURED, f"Not measured: {subject.obstacle} Nothing was shown either way."


def _defective(tests: Sequence[Result]) -> str:
    """Why the endpoint's numbers are no evidence, as a sentence; "" if they are.

    One answer that contradicts itself is enough: whoever serves it, its numbers are not what they are said to be.
    """
    for test in tests:
        found = test.evidence
        if isinstance(found, Conformance) and found.answers and found.defective and found.flaws:
            if found.contradictory:
                return (
                    f"{found.contradictory} of {found.answers} answers hold log-probabilities that contradict themselves "
                    f"({found.flaws[0].name})."
                )
            if found.defective > MOST_MISSING * found.answers:
                return (
                    f"{found.defective} of {found.answers} answers hold log-probabilities that cannot be used "
                    f"({found.flaws[0].name})."
                )
    return ""


def _decided(tests: Sequence[Result], terms: Terms) -> tuple[Result, ...]:
    """The tests with their verdicts. One that cannot be derived again counts for Holm, and stays as it was decided."""
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
    over = f"p = {test.p_value:.2g}" + (f", {p:.2g} by Holm over {tests} tests" if tests > 1 else "")
    return test.model_copy(update={"verdict": verdict, "reason": f"{test.reason}; {over}: {then}."})
