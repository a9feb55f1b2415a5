"""The rule of all detectors on a tampered text as it is, without normalisation; for comparison, never for a verdict."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors import rank
from llm_audit.detectors.origin import generated
from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.reports.wording.results import for_comparison
from llm_audit.results import Result


def derive(measured: Measurement[Any], terms: Terms) -> Result:
    """The result; its sentence says that no verdict rests on it."""
    result = rank.among_people(rule, measured, terms)
    return result.model_copy(update={"reason": for_comparison(result), "assumptions": rule.assumptions})


rule = Rule[Any, Any](
    code="AUD190",
    name="as-given",
    title="Text as given",
    question="What would the odd characters have done to detectors that do not set them aside?",
    null=generated.rule.null,
    assumptions=(
        "The text as given is not exchangeable with the population's texts, none of which was tampered with. Its p-value shows "
        "what the odd characters would have done to detectors that do not set them aside.",
    ),
    method=f"As {generated.rule.code}, on the text with its odd characters and its line breaks.",
    derive=derive,
)
