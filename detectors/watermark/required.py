"""The rule that asks whether a text carries the mark that a policy demands: a finding if it could be seen and was not."""

from __future__ import annotations

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.detectors.watermark import whole_text
from llm_audit.detectors.watermark.base import NULL
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.reports.wording.results import for_policy
from llm_audit.results import Result, Verdict
from llm_audit.results.watermark_evidence import KeyedText

TURNED = {Verdict.FINDING: Verdict.PASS, Verdict.PASS: Verdict.FINDING}
"""Verdict of the test of the mark -> verdict on a text that must carry it; inconclusive and not assessable stay as they are."""


def derive(measured: Measurement[KeyedText], terms: Terms) -> Result:
    """The result of the test of the mark, with its verdict inverted."""
    result = whole_text.derive_as(rule, measured, terms)
    verdict = TURNED.get(result.verdict, result.verdict)
    opening = {
        Verdict.PASS: "The text carries the mark that the policy asks for.",
        Verdict.FINDING: "The mark that the policy asks for was not found.",
    }.get(verdict, "Too little of the text can be scored to show the mark that the policy asks for.")
    return result.model_copy(update={"verdict": verdict, "reason": for_policy(opening, result)})


rule = Rule[tuple[Reading, ...], KeyedText](
    code="AUD510",
    name="watermark-required",
    title="Watermark asked for",
    question="Does the text carry the mark that the policy asks for?",
    null=NULL,
    assumptions=(
        "A text passes if the null hypothesis is rejected, and is a finding if it is not: the level bounds how often a text "
        "without the mark passes, over all texts of the run together.",
        "How often a marked text fails nobody can bound: a mark is missed in text that is short, edited, or that the model had "
        "little choice in. A finding does not say that somebody left the mark out.",
        "The chance is in the key: for one that is public or guessable the null hypothesis is an assumption that nobody can "
        "check, and whoever knows the key can put the mark into any text.",
    ),
    method="The test of the whole text under the key that the policy names; Bonferroni over the texts of the run that it is "
    "asked of.",
    derive=derive,
    listed=(
        "WatermarkMissing",
        "The mark that the policy asks for was not found",
        "The test of the mark did not reject its null hypothesis, that the text was written without knowledge of the key.",
    ),
)
