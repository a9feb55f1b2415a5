"""Attribution: which of several candidate models wrote a text; every candidate is tested on every text."""

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
