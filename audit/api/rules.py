"""The rules, by code and by name: what `llm_audit.explain` and `llm_audit.rules` return."""

from __future__ import annotations

from llm_audit.detectors.plugins import AnyRule
from llm_audit.detectors.registry import every_rule, explain

__all__ = ["AnyRule", "explain", "rules"]


def rules() -> list[AnyRule]:
    """All rules that are installed, sorted by code: code, name, title, question, null hypothesis, assumptions, method."""
    return list(every_rule())
