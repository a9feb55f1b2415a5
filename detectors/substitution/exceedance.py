"""Exceedance: whether single answers lie beyond every null distance. Exact for a number of requests fixed beforehand.

It needs no evidence of its own: its numbers follow from the distances of the teacher-forced comparison beside it.
"""

from __future__ import annotations

from typing import NamedTuple

from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, requires
from llm_audit.detectors.substitution import teacher_forced
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.detectors.substitution.teacher_forced import Distances
from llm_audit.results import Effect, Interval, Point, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import Exceedance, OnlineRanks
from llm_audit.stats import exceedance


class Moved(NamedTuple):
    """The answers that lie beyond the null distances of one variant, the one that rejects least.

    Attributes:
        variant: its name.
        test: how many answers lie beyond.
        rate: share of the requests that were moved out of the range of null distances. The lower end is above 0 if the test
            alone rejects at alpha; the upper end, of 95 % confidence or more, counts every request without a comparable answer
            as moved, and is the largest over variants.
        points: every request with the limit that it was held against.
    """

    variant: str
    test: exceedance.Exceedance
    rate: Interval
    points: tuple[Point, ...]


def confidence(alpha: float) -> float:
    """Of the interval: at least .95, and so that its lower end agrees with the test at alpha."""
    return max(0.95, 1 - 2 * alpha)


def moved(distances: Distances, alpha: float) -> Moved:
    """Count the endpoint's answers beyond every null distance, and estimate the share of moved requests."""
    tested = {name: exceedance.exceedance(values, distances.null[name]) for name, values in distances.endpoint.items()}
    worst = max(tested, key=lambda name: tested[name].p_value)
    test, n, size = tested[worst], len(distances.names), len(distances.null[worst])
    level = confidence(alpha)
    upper = max(
        exceedance.rate_interval(outcome.above + distances.missing, n + distances.missing, size, confidence=level).upper
        for outcome in tested.values()
    )
    lower = exceedance.rate_interval(test.above, n, size, confidence=level).lower
    return Moved(
        worst,
        test,
        Interval(value=test.above / n, lower=lower, upper=upper),
        tuple(
            Point(request=name, value=float(value), limit=test.threshold)
            for name, value in zip(distances.names, distances.endpoint[worst], strict=True)
        ),
    )


def derive(measured: Measurement[Exceedance], terms: Terms) -> Result:
    """The result from the distances beside it; before Holm."""
    requires(measured, Exceedance)
    ranks = next((result.evidence for result in terms.beside if isinstance(result.evidence, OnlineRanks)), None)
    if ranks is None:
        raise NotDerivable("the report stores no distances beside it")
    distances = Distances.of(ranks)
    worst, test, rate, _ = moved(distances, terms.alpha)
    n, size = len(distances.names), len(distances.null[worst])
    needed = exceedance.needed_above(n, size, terms.alpha)
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=distances.words.null,
        verdict=Verdict.INCONCLUSIVE,
        reason=(
            f"{test.above} of {n} answers are farther from {worst} than each of {size} honest ones"
            + (f"; p = {terms.alpha:g} takes {needed}" if needed else "")
        ),
        statistic=Statistic(name="answers beyond the honest range", value=float(test.above), unit=""),
        p_value=test.p_value,
        p_floor=test.p_floor,
        effect=Effect(
            name="share of requests out of the honest range", value=rate.value, unit="", lower=rate.lower, upper=rate.upper
        ),
        n=n,
        evidence=measured.evidence,
        assumptions=distances.words.assumptions,
        method=rule.method,
    )


rule = SubstitutionRule[Distances, Exceedance](
    code="AUD402",
    name="exceedance",
    title="Requests beyond the honest range",
    question="Do single answers lie beyond every null distance, as where a share of the requests is answered by another model?",
    null="The endpoint serves one of the allowed variants of the reference.",
    assumptions=("Under the null hypothesis the endpoint's distances are exchangeable with the null distances, or smaller.",),
    method="Exceedance test (Rosenbaum 1954); the interval inverts it, and counts what a substitute moves out of range",
    alternatives=True,
    beside=teacher_forced.rule.code,
    derive=derive,
)
