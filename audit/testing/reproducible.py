"""Check that a result follows from its stored evidence."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors.rule import Measurement, Rule, Terms
from llm_audit.results import Result


def check_reproducible(rule: Rule[Any, Any], measured: Measurement[Any], terms: Terms) -> Result:
    """Derive the result; AssertionError if deriving it again, directly or from the evidence's JSON, gives a different one."""
    result = rule.derive(measured, terms)
    assert result.rule == rule.code, f"{rule.code} derives a result of {result.rule}"
    assert result.reason.strip(), f"{rule.code} gives no reason"
    assert rule.derive(measured, terms) == result, f"{rule.code} derives two results from the same measurement"
    stored = Result.model_validate_json(result.model_dump_json())
    again = rule.derive(Measurement.of(stored), Terms(terms.alpha, population=terms.population))
    assert again == result, f"{rule.code} derives another result from what is stored of it"
    return result
