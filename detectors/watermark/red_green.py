"""The rule whether an endpoint favours different words after different contexts, the same in every sentence (green lists)."""

from __future__ import annotations

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.detectors.watermark import choices
from llm_audit.results import Result
from llm_audit.results.watermark_evidence import ProbedChoices


def measure(evidence: ProbedChoices) -> Measurement[ProbedChoices]:
    """The evidence of this test, which is the table of choices itself."""
    return Measurement(evidence.model_copy(update={"statistic": "log_odds"}))


def derive(measured: Measurement[ProbedChoices], terms: Terms) -> Result:
    """The test's result: the permutation p-value of the log-odds, and whether the endpoint marks its words."""
    return choices.result(rule, measured, terms)


rule = Rule[ProbedChoices, ProbedChoices](
    code="AUD505",
    name="watermark-red-green",
    title="Watermark of an endpoint, green lists",
    question="Does an endpoint favour other words after other contexts, in every sentence alike?",
    null=(
        "What stands before a word does not move its odds by a list of favoured words: after contexts that mean "
        "nothing, all are chosen alike."
    ),
    assumptions=choices.NATURAL,
    method=(
        "Log-odds of each word after each context, less the mean of its sentence; sum of squares of what a context "
        "adds to all sentences, permuted within sentences, (1 + b)/(1 + B). After Gloaguen et al. 2024 (arXiv "
        "2405.20777), whose p-value can be 0."
    ),
    measure=measure,
    derive=derive,
)
