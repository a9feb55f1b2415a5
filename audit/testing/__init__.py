"""The contract that every rule must pass, our own and those of plugins: `check_rule`.

Call it from a test of your plugin. It needs numpy only: no model, no network.
"""

from llm_audit.testing.contract import check_rule, clauses
from llm_audit.testing.samples import certain_scores, sample_passes, sample_scores

__all__ = ["certain_scores", "check_rule", "clauses", "sample_passes", "sample_scores"]
