"""The rule whether an endpoint chooses the same word after the same context, whatever the sentence (Gumbel marks)."""

from __future__ import annotations

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.detectors.watermark import choices
from llm_audit.results import Result
from llm_audit.results.watermark_evidence import ProbedChoices


def measure(evidence: ProbedChoices) -> Measurement[ProbedChoices]:
    """The evidence of this test, which is the table of choices itself."""
    return Measurement(evidence.model_copy(update={"statistic": "agreement"}))


def derive(measured: Measurement[ProbedChoices], terms: Terms) -> Result:
    """The test's result: the permutation p-value of the agreement of sentences, and whether the endpoint marks its words."""
    return choices.result(rule, measured, terms)


rule = Rule[ProbedChoices, ProbedChoices](
    code="AUD508",
    name="watermark-gumbel",
    title="Watermark of an endpoint, Gumbel",
    question="Does an endpoint choose the same word after the same context, whatever the sentence?",
    null=(
        "Draws after the same few tokens are independent of each other: after contexts that mean nothing, sentences"
        " do not agree in the word more than otherwise."
    ),
    assumptions=choices.NATURAL,
    method=(
        "One noise vector for each context makes the choice after it the same wherever the odds allow. Agreement of"
        " sentences after each context, permuted within sentences, (1 + b)/(1 + B). A fixed seed of the server and "
        "stored answers agree after all contexts alike, and are no finding."
    ),
    measure=measure,
    derive=derive,
)
