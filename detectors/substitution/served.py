"""The rule of all tests of an endpoint combined: whether it serves the model that it claims."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors.rule import Rule

rule = Rule[Any, None](
    code="AUD400",
    name="served",
    title="All tests of the endpoint",
    question="Does the endpoint serve the model that it claims?",
    null="The endpoint's answers come from one of the allowed variants of the model.",
    assumptions=("Those of the single tests.",),
    method="Holm's correction over the single tests; an endpoint of which too few answers can be compared is not measured.",
    listed=(
        "ModelSubstitution",
        "Endpoint does not serve the model it claims",
        "All tests of the endpoint. Null hypothesis: its answers come from one of the allowed variants of the model.",
    ),
)
