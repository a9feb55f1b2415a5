"""The gate: whether texts may pass, by a policy, a baseline of known findings, and suppressions inside the texts.

Apart from the scoring of texts, every step is a function of what the report stores, so that it can be verified.
"""

from llm_audit.gating.baseline import Baseline, read_baseline, renewed
from llm_audit.gating.changes import AUTO, base_revision, unchanged_files
from llm_audit.gating.inputs import Input, covered, judge, read
from llm_audit.gating.settle import Terms, settle

__all__ = [
    "AUTO",
    "Baseline",
    "Input",
    "Terms",
    "base_revision",
    "covered",
    "judge",
    "read",
    "read_baseline",
    "renewed",
    "settle",
    "unchanged_files",
]
