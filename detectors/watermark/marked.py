"""The rule of all deciding tests of a text combined: whether it carries the mark of any of the keys."""

from __future__ import annotations

import math
from typing import Any

from llm_audit.detectors.rule import Measurement, Rule, Terms, decision, requires
from llm_audit.detectors.watermark import anytime, cache_augmented, choices, fixed_sampling, whole_text, windows
from llm_audit.detectors.watermark.base import ASSUMPTIONS, Numbers, times, title_of
from llm_audit.reports.format import p_statement
from llm_audit.results import Result, Statistic, Verdict
from llm_audit.results.watermark_evidence import (
    KeyedBets,
    KeyedText,
    KeyedTogether,
    KeyedWindows,
    ProbedChoices,
    ProbedPhases,
    ProbedRepeats,
    ProbedTogether,
    Summed,
)

Test = KeyedText | KeyedWindows | KeyedBets | ProbedChoices | ProbedRepeats | ProbedPhases


MOST_UNANSWERED = 0.1
"""Share of a probe's questions without an answer above which no absence of a mark is stated."""


def numbers(test: Test) -> Numbers:
    """The p-value and floor of one test."""
    if isinstance(test, KeyedText):
        return whole_text.outcome(test)[1]
    if isinstance(test, KeyedWindows):
        return windows.outcome(test)
    if isinstance(test, KeyedBets):
        return anytime.outcome(test)
    if isinstance(test, ProbedChoices):
        return choices.outcome(test)
    return fixed_sampling.outcome(test) if isinstance(test, ProbedRepeats) else cache_augmented.outcome(test)


def derive(measured: Measurement[KeyedTogether | ProbedTogether], terms: Terms) -> Result:
    """The result: the smallest p-value of the tests, times their number."""
    requires(measured, KeyedTogether, ProbedTogether)
    evidence = measured.evidence
    tests: tuple[Test, ...] = evidence.tests
    probe = evidence if isinstance(evidence, ProbedTogether) else None
    if any(test.tests != len(tests) for test in tests if isinstance(test, KeyedText | KeyedWindows | KeyedBets)):
        raise ValueError("the tests that share alpha are not those that are there")
    _check_windows(tests)
    by_test = [_of_probe(test, probe) if probe else numbers(test) for test in tests]
    best = min(range(len(by_test)), key=lambda i: by_test[i].log_p)
    log_p, log_floor = times(Numbers(by_test[best].log_p, min(of_test.log_floor for of_test in by_test)), len(by_test))
    p, floor = math.exp(log_p), math.exp(log_floor)
    verdict, clause = decision(p, floor, terms.alpha)
    statement = _statement(tests[best], verdict)
    if probe and verdict is not Verdict.FINDING and (silence := _silence(probe, floor)):
        verdict, clause, statement = Verdict.NOT_ASSESSABLE, "nothing is concluded", silence
    over = f"the best of {len(by_test)} tests, times {len(by_test)}; " if len(by_test) > 1 else ""
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint" if probe else "document",
        null=NULL_OF_ENDPOINTS if probe else rule.null,
        verdict=verdict,
        reason=f"{statement}: {p_statement(p, alpha=terms.alpha)}, {over}{clause}.",
        statistic=Statistic(name="-log10 p", value=-log_p / math.log(10) + 0.0, unit=f"of {len(by_test)} tests"),
        p_value=p,
        p_floor=floor,
        n=_units(tests[best]),
        evidence=evidence,
        assumptions=() if probe else rule.assumptions,
        method=rule.method,
    )


def _check_windows(tests: tuple[Test, ...]) -> None:
    """Check that the windows of a text are of the scores that its whole-text test under the same key sums up.

    Raises:
        ValueError: the counts, the law or the sum of the whole differ.
    """
    whole = {
        (test.key, reading.reading): reading
        for test in tests
        if isinstance(test, KeyedText)
        for reading in test.readings
        if isinstance(reading, Summed)
    }
    for test in tests:
        if isinstance(test, KeyedWindows):
            reading = whole.get((test.key, test.reading))
            if reading is None or (reading.distinct, reading.law) != (test.distinct, test.law):
                raise ValueError("the windows are of other scores than the whole text")
            if not math.isclose(reading.total, test.sums[0], rel_tol=1e-9, abs_tol=1e-9):
                raise ValueError("the windows have another sum over the whole than the whole text")


def _of_probe(test: Test, probe: ProbedTogether) -> Numbers:
    """The p-value and floor of one test of an endpoint: 1 of one that says nothing of it, which early versions did not heed."""
    alike = isinstance(test, ProbedRepeats) and fixed_sampling.alike(test)
    alike |= isinstance(test, ProbedChoices) and choices.alike(test)
    return Numbers(0.0, 0.0) if alike and probe.asked is not None else numbers(test)


def _silence(probe: ProbedTogether, floor: float) -> str:
    """Why an endpoint without a finding was not shown to have no mark, as the beginning of a sentence; "" if it may pass."""
    if probe.asked is None or probe.unanswered is None:
        return ""
    if probe.unanswered > MOST_UNANSWERED * probe.asked:
        return f"Not assessable. {probe.unanswered:,} of {probe.asked:,} questions got no answer, and the others show no mark"
    return "Not assessable. No test could have found a mark in these answers" if floor >= 1 else ""


def _statement(test: Test, verdict: Verdict) -> str:
    """The verdict in words, as the beginning of the sentence with the p-value."""
    if isinstance(test, KeyedText | KeyedWindows | KeyedBets):
        return {
            Verdict.FINDING: f"The text carries the mark of key {test.key} ({title_of(test.scheme)})",
            Verdict.INCONCLUSIVE: "Too little of the text can be scored to tell whether it carries a mark of the keys",
        }.get(verdict, "No mark of the keys was found, which does not say that the text has none")
    return {
        Verdict.FINDING: "The endpoint's answers behave as watermarked ones do, if the assumptions of the tests hold",
        Verdict.INCONCLUSIVE: "Too little was asked to tell whether the endpoint watermarks",
    }.get(verdict, "No sign of a watermark was found, which does not say that there is none")


def _units(test: Test) -> int:
    if isinstance(test, KeyedText):
        return test.readings[0].tokens
    if isinstance(test, KeyedWindows | KeyedBets):
        return test.distinct
    if isinstance(test, ProbedChoices):
        return sum(sum(words) for contexts in test.counts for words in contexts)
    return test.answers if isinstance(test, ProbedRepeats) else sum(test.fresh) + sum(test.again)


NULL = (
    "The text was written without knowledge of any of the keys, and each key behaves like a random draw that is independent of "
    "the text."
)

NULL_OF_ENDPOINTS = "The endpoint draws its answers without a watermark of the families that were asked about."

rule = Rule[Any, KeyedTogether | ProbedTogether](
    code="AUD500",
    name="watermark",
    title="Watermark",
    question="Does the text carry the mark of any of the keys?",
    null=NULL,
    assumptions=ASSUMPTIONS,
    method="Bonferroni over keys and tests; each key counts its readings of the text as tokens itself.",
    derive=derive,
    listed=(
        "Watermark",
        "The text carries a watermark",
        f"All keys in one p-value. Null hypothesis: {NULL} A finding says that the text carries a mark, not who put it there.",
    ),
)
