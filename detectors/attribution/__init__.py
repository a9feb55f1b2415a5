"""Who wrote it, model A or model B: every candidate against every text."""

from llm_audit.detectors.attribution.run import (
    REFERENCE_REQUEST,
    Author,
    Settings,
    as_put_out,
    find_rules,
    judge_texts,
    one_line_ending,
    under,
)

__all__ = [
    "REFERENCE_REQUEST",
    "Author",
    "Settings",
    "as_put_out",
    "find_rules",
    "judge_texts",
    "one_line_ending",
    "under",
]
