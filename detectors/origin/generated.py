"""The rule of all detectors combined: whether the text is unlike the human texts of the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_audit.detectors.rule import Measurement, Rule, Terms

if TYPE_CHECKING:
    from llm_audit.results import Result
    from llm_audit.results.evidence import Conformal


def derive(measured: Measurement[Any], terms: Terms) -> Result:
    """The result, with the passages of the text; its method states the detectors' weights."""
    from llm_audit.detectors import rank  # a policy asks for the code alone, and must not wait for numerical libraries

    evidence, _ = rank.population_of(measured, terms)
    return rank.among_people(rule, measured, terms, method=f"{rule.method} Shares: {_shares(evidence)}.")


def _shares(evidence: Conformal) -> str:
    """The detectors' weights in the Cauchy statistic, as a sentence."""
    total = sum(evidence.weights)
    return ", ".join(f"{code} {weight / total:.3g}" for code, weight in zip(evidence.rules, evidence.weights, strict=True))


rule = Rule[Any, Any](
    code="AUD100",
    name="generated",
    title="All detectors",
    question="Was this text machine-generated?",
    null="The text was written like the human texts of the population.",
    assumptions=("The text is exchangeable with the beginnings of the population's texts.",),
    method=(
        "Exact conformal combination: each detector's rank p-value, one Cauchy statistic per text (Liu & Xie 2020), and "
        "the rank of this text's statistic among those of the population."
    ),
    derive=derive,
    listed=(
        "MachineGeneratedText",
        "Text unlike human writing of the population",
        "All detectors in one p-value. Null hypothesis: the text was written like the human texts of the named population. "
        "A finding is evidence, not proof, and it does not say who or what wrote the text.",
    ),
)
