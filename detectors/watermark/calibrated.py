"""The rule that ranks a text among the user's unmarked texts under one key: another null beside, never deciding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llm_audit.detectors.rule import Measurement, Rule, Terms, requires
from llm_audit.detectors.watermark.base import keyed_fields, title_of
from llm_audit.detectors.watermark.whole_text import outcome
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Result, Statistic, decide
from llm_audit.results.watermark_evidence import KeyedCalibration, KeyedText


def measure(text_evidence: KeyedText, references: Sequence[float]) -> Measurement[KeyedCalibration]:
    """Measure the text's p-value and those of unmarked texts under one key, as natural logarithms."""
    log_p = outcome(text_evidence)[1].log_p
    evidence = KeyedCalibration(
        key=text_evidence.key, scheme=text_evidence.scheme, tests=text_evidence.tests, log_p=log_p, references=tuple(references)
    )
    return Measurement(evidence)


def derive(measured: Measurement[KeyedCalibration], terms: Terms) -> Result:
    """The conformal p-value; its sentence says that no verdict rests on it."""
    requires(measured, KeyedCalibration)
    evidence = measured.evidence
    as_low = sum(reference <= evidence.log_p for reference in evidence.references)
    many = len(evidence.references)
    p, floor = (1 + as_low) / (1 + many), 1 / (1 + many)
    return Result(
        **keyed_fields(rule, evidence.key),
        subject="document",
        verdict=decide(p, floor, terms.alpha),
        reason=(
            f"For comparison, no verdict rests on it. Key {evidence.key} ({title_of(evidence.scheme)}): {as_low:,} of {many:,} "
            f"unmarked texts have a p-value as small as this one ({p_statement(math.exp(evidence.log_p))}); "
            f"{p_statement(p, alpha=terms.alpha)} among them."
        ),
        statistic=Statistic(name="-log10 p of the whole text", value=-evidence.log_p / math.log(10) + 0.0, unit=""),
        p_value=p,
        p_floor=floor,
        n=many,
        draws=Draws(count=many, exceeding=as_low, seed=None),
        evidence=evidence,
    )


rule = Rule[KeyedText, KeyedCalibration](
    code="AUD509",
    name="watermark-calibrated",
    title="Watermark, among unmarked texts",
    question="How often do unmarked texts of the user score as high under the deployed key?",
    null="The text and the unmarked texts that were given are exchangeable; the key is fixed.",
    assumptions=(
        "The unmarked texts are of the same kind as the text, and none of them carries the mark.",
        "The chance is in the texts, not in the key: what the key does to all of them alike is part of the null.",
    ),
    method="Conformal rank of the exact p-value of the whole text among those of the unmarked texts, (1 + b)/(1 + B).",
    measure=measure,
    derive=derive,
)
