"""The rule that ranks a text among the user's unmarked texts under one key: another null beside, never deciding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llm_audit.detectors.rule import Measurement, Rule, Terms, requires
from llm_audit.detectors.watermark import whole_text
from llm_audit.detectors.watermark.base import keyed_fields, numbers, title_of
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.reports.format import p_statement
from llm_audit.results import Draws, Result, Statistic, decide
from llm_audit.results.watermark_evidence import Compared, KeyedCalibration, KeyedText

COMPARED: dict[Compared, str] = {
    "best": ", of the best reading of each, uncorrected",
    "first": ", of the token ids as given, and of the first reading of each unmarked text",
}
"""Which reading's p-value is compared, in words."""


def comparable(key: Key, readings: Sequence[Reading], compared: Compared, level: float, seed: str) -> float:
    """Natural logarithm of the smallest p-value of a text's readings, uncorrected; of its first one alone if that is compared.

    The same function of every text, tested or unmarked: how many readings another text has is not in it.

    Args:
        key: with its scheme.
        readings: of the text, at least one.
        compared: which of them.
        level: where fresh keys are drawn, they are enough for it.
        seed: of these keys.
    """
    chosen = tuple(readings[:1] if compared == "first" else readings)
    measured = whole_text.measure(key, chosen, tests=1, level=level, seed=seed)
    return min(numbers(reading).log_p for reading in measured.evidence.readings)


def measure(text: KeyedText, log_p: float, references: Sequence[float], compared: Compared) -> Measurement[KeyedCalibration]:
    """Measure a text's `comparable` p-value and those of unmarked texts; `text`: the evidence of its own test."""
    evidence = KeyedCalibration(
        key=text.key, scheme=text.scheme, tests=text.tests, log_p=log_p, references=tuple(references), compared=compared
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
            f"unmarked texts have a p-value as small as this one ({p_statement(math.exp(evidence.log_p))}"
            f"{'' if evidence.compared is None else COMPARED[evidence.compared]}); "
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
