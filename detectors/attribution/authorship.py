"""The rule over all candidates together: whether a sanctioned model wrote the text."""

from __future__ import annotations

from typing import Any

from llm_audit.detectors.rule import Rule

rule = Rule[Any, None](
    code="AUD200",
    name="authorship",
    title="All candidates",
    question="Did one of the sanctioned models write the text?",
    null="One of the sanctioned models wrote the text, under the stated prompt and settings.",
    assumptions=("Those of the tests of the single candidates.",),
    method="A set is refuted if each of its members is: the largest of their p-values, the smallest of their e-values.",
    listed=(
        "UnsanctionedAuthor",
        "No sanctioned model wrote the text",
        "All tests of all candidates. Null hypothesis: one of the sanctioned models wrote the text, under the stated "
        "prompt and settings.",
    ),
)
