"""The rule that asks whether an endpoint draws its answers from a short list of random numbers."""

from __future__ import annotations

import math

import numpy as np

from llm_audit.detectors.rule import Measurement, Rule, Terms, decision, requires
from llm_audit.detectors.watermark.base import Numbers
from llm_audit.reports.format import p_statement
from llm_audit.results import Result, Statistic, Verdict
from llm_audit.results.watermark_evidence import ProbedRepeats
from llm_audit.stats.combination import average_e

TILTS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Bets on repeats, fixed beforehand."""

ALIKE = 2
"""Fewest different answers; fewer show a stored answer, a fixed seed or a mark without choice, not a list of random numbers."""


def measure(answers: list[tuple[str, float]]) -> Measurement[ProbedRepeats]:
    """Measure the repeats among answers to one question.

    Args:
        answers: in the order of asking: the text, and the sum of its tokens' log-probabilities.
    """
    known: dict[str, float] = {}
    repeats, expected = 0, 0.0
    for text, logprob in answers:
        expected += min(1.0, sum(known.values()))
        repeats += text in known
        known.setdefault(text, math.exp(min(0.0, logprob)))
    return Measurement(ProbedRepeats(answers=len(answers), distinct=len(known), repeats=repeats, expected=expected))


def outcome(evidence: ProbedRepeats) -> Numbers:
    """The p-value 1 / e, e the average of exp(l R - (e^l - 1) E) over the bets l; 1 for too few different answers."""
    if evidence.repeats + evidence.distinct != evidence.answers:
        raise ValueError("answers are either new or repeats")
    floor = -float(average_e([tilt * max(evidence.answers - 1, 0) for tilt in TILTS]))
    if evidence.distinct <= ALIKE:
        return Numbers(0.0, min(0.0, floor))
    bets = [tilt * evidence.repeats - math.expm1(tilt) * evidence.expected for tilt in TILTS]
    return Numbers(min(0.0, -float(average_e(np.array(bets)))), min(0.0, floor))


def alike(evidence: ProbedRepeats) -> bool:
    """Whether the endpoint always answers alike, of which the test says nothing."""
    return evidence.answers > ALIKE >= evidence.distinct


def derive(measured: Measurement[ProbedRepeats], terms: Terms) -> Result:
    """The result; an endpoint that always answers alike is not assessed."""
    requires(measured, ProbedRepeats)
    evidence = measured.evidence
    log_p, log_floor = outcome(evidence)
    verdict, clause = decision(math.exp(log_p), math.exp(log_floor), terms.alpha)
    if alike(evidence):
        verdict, clause = (
            Verdict.NOT_ASSESSABLE,
            "it always answers alike: stored answers, a fixed seed, temperature 0, or a mark without any choice",
        )
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=(
            f"{evidence.repeats:,} of {evidence.answers:,} answers to one question repeat an earlier one word for word, where "
            f"their log-probabilities let {evidence.expected:.2g} be expected; "
            f"{p_statement(math.exp(log_p), alpha=terms.alpha)}; {clause}."
        ),
        statistic=Statistic(name="repeats", value=evidence.repeats, unit=f"of {evidence.answers:,} answers"),
        p_value=math.exp(log_p),
        p_floor=math.exp(log_floor),
        n=evidence.answers,
        evidence=evidence,
    )


rule = Rule[list[tuple[str, float]], ProbedRepeats](
    code="AUD506",
    name="watermark-fixed-sampling",
    title="Watermark of an endpoint, fixed sampling",
    question="Does an endpoint draw its answers from a short list of random numbers?",
    null="Answers to one question are independent draws with the log-probabilities that the endpoint returns.",
    assumptions=(
        "The log-probabilities returned are those that the endpoint draws with: temperature 1, nothing truncated.",
        "Stored answers of three or more machines, or a few seeds in turn, repeat as a mark with a short list of keys does.",
    ),
    method=(
        "A new answer repeats an earlier one with a probability of at most the sum of theirs, so that exp(l R - (e^l - 1) E) "
        "is an e-value for every l; average over fixed l, p = 1 / e (Markov). Ours; the rarefaction test of arXiv 2405.20777 "
        "takes dependent points of a curve for independent."
    ),
    measure=measure,
    derive=derive,
)
