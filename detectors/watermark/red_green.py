"""The rule that asks whether an endpoint favours different words after different contexts in every sentence (green lists)."""

from __future__ import annotations

from llm_audit.detectors.watermark import choices

rule = choices.rule_of(
    "log_odds",
    code="AUD505",
    name="watermark-red-green",
    title="Watermark of an endpoint, green lists",
    question="Does an endpoint favour other words after other contexts, in every sentence alike?",
    null=(
        "What stands before a word does not move its odds by a list of favoured words: after contexts that mean "
        "nothing, all are chosen alike."
    ),
    method=(
        "Log-odds of each word after each context, less the mean of its sentence; sum of squares of what a context "
        "adds to all sentences, permuted within sentences, (1 + b)/(1 + B). After Gloaguen et al. 2024 (arXiv "
        "2405.20777), whose p-value can be 0."
    ),
)
