"""The rule for inputs that could not be read."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors.rule import Rule

rule = Rule[Any, None](
    code="AUD000",
    name="unreadable",
    title="Unreadable input",
    question="Could the input be read?",
    null="The input can be read and holds text; there is no chance in it, and no p-value.",
    method="What no reader can open, or decode, is an error with the reason and what to do; it has neither passed nor failed.",
    listed=(
        "UnreadableInput",
        "Input could not be read",
        "The input was not judged: it has neither passed nor failed. The message says what to do.",
    ),
)
