"""The rule that asks whether an endpoint chooses differently after a context that it has marked before."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import hypergeom

from llm_audit.detectors.rule import Measurement, Rule, Terms, decision, requires
from llm_audit.detectors.watermark.base import Numbers
from llm_audit.reports.format import p_statement
from llm_audit.results import Result, Statistic
from llm_audit.results.watermark_evidence import ProbedPhases


def outcome(evidence: ProbedPhases) -> Numbers:
    """Exact two-sided p-value (hypergeometric) for the word that is most frequent in both phases together."""
    fresh, again = np.array(evidence.fresh), np.array(evidence.again)
    if len(fresh) != len(evidence.words) or len(again) != len(evidence.words) or min(*fresh, *again) < 0:
        raise ValueError("each phase has one count for each word")
    total, first = fresh + again, int(fresh.sum())
    if first == 0 or int(again.sum()) == 0:
        return Numbers(0.0, 0.0)
    word = int(np.argmax(total))
    law = hypergeom(int(total.sum()), int(total[word]), first)
    low, high = law.support()
    tail = min(float(law.cdf(fresh[word])), float(law.sf(fresh[word] - 1)))
    floor = min(float(law.pmf(low)), float(law.pmf(high)))
    return Numbers(math.log(min(1.0, 2 * tail)), math.log(min(1.0, 2 * floor)))


def measure(evidence: ProbedPhases) -> Measurement[ProbedPhases]:
    """Measure the counts of both phases."""
    return Measurement(evidence)


def derive(measured: Measurement[ProbedPhases], terms: Terms) -> Result:
    """The result: an exact comparison of the two phases."""
    requires(measured, ProbedPhases)
    evidence = measured.evidence
    log_p, log_floor = outcome(evidence)
    p, floor = math.exp(log_p), math.exp(log_floor)
    verdict, clause = decision(p, floor, terms.alpha)
    word = int(np.argmax(np.array(evidence.fresh) + np.array(evidence.again)))
    sums = (sum(evidence.fresh), sum(evidence.again))
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=(
            f"The most frequent word was chosen {evidence.fresh[word]:,} of {sums[0]:,} times with other questions in between, "
            f"and {evidence.again[word]:,} of {sums[1]:,} times at once; {p_statement(p, alpha=terms.alpha)}; {clause}."
        ),
        statistic=Statistic(name="choices of that word", value=evidence.fresh[word], unit=f"of {sums[0]:,}"),
        p_value=p,
        p_floor=floor,
        n=sum(sums),
        evidence=evidence,
    )


rule = Rule[ProbedPhases, ProbedPhases](
    code="AUD507",
    name="watermark-cache",
    title="Watermark of an endpoint, with a memory of contexts",
    question="Does an endpoint choose otherwise after a context that it has marked before?",
    null="Choices after one context are draws from one law, whether it is new to the server or not.",
    assumptions=(
        "The questions in between make the server forget a context; one with a longer memory is not found.",
        "Settings of the endpoint did not change while it was asked.",
    ),
    method=(
        "The word that is the most frequent in both phases together, twice the smaller tail of its hypergeometric law given "
        "all margins (Fisher 1935), after the cache test of arXiv 2405.20777."
    ),
    measure=measure,
    derive=derive,
)
