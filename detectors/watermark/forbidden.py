"""The rule that asks whether a text carries a mark that a policy forbids."""

from __future__ import annotations

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.detectors.watermark import whole_text
from llm_audit.detectors.watermark.base import ASSUMPTIONS, NULL
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.reports.wording.results import for_policy
from llm_audit.results import Result, Verdict
from llm_audit.results.watermark_evidence import KeyedText


def derive(measured: Measurement[KeyedText], terms: Terms) -> Result:
    """The result of the test of the mark."""
    result = whole_text.derive_as(rule, measured, terms)
    opening = {
        Verdict.FINDING: "The text carries a mark that the policy does not allow.",
        Verdict.PASS: "The mark that the policy does not allow was not found.",
    }.get(result.verdict, "Too little of the text can be scored to find a mark that the policy does not allow.")
    return result.model_copy(update={"reason": for_policy(opening, result)})


rule = Rule[tuple[Reading, ...], KeyedText](
    code="AUD511",
    name="watermark-forbidden",
    title="Watermark not allowed",
    question="Does the text carry a mark that the policy does not allow?",
    null=NULL,
    assumptions=ASSUMPTIONS,
    method="The test of the whole text under the key that the policy names; Bonferroni over the texts of the run that it is "
    "asked of.",
    derive=derive,
    listed=(
        "WatermarkForbidden",
        "The text carries a mark that the policy does not allow",
        f"Null hypothesis: {NULL} A finding says that the text carries the mark, not who put it there.",
    ),
)
