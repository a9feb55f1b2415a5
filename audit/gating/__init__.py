"""The gate: whether texts may pass, by a policy, a baseline and what they say of themselves.

Everything of it but the scoring of texts is a function of what is stored in the report, so that it can be verified.
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
