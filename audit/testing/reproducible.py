"""Whether a result follows from what is stored of it."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.results import Result


def check_reproducible(rule: Rule[Any, Any], measured: Measurement[Any], terms: Terms) -> Result:
    """The result; AssertionError if it is another one when derived again: at once, or from its JSON."""
    result = rule.derive(measured, terms)
    assert result.rule == rule.code, f"{rule.code} derives a result of {result.rule}"
    assert result.reason.strip(), f"{rule.code} gives no reason"
    assert rule.derive(measured, terms) == result, f"{rule.code} derives two results from the same measurement"
    stored = Result.model_validate_json(result.model_dump_json())
    again = rule.derive(Measurement.of(stored), Terms(terms.alpha, population=terms.population))
    assert again == result, f"{rule.code} derives another result from what is stored of it"
    return result
