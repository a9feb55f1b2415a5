"""The policy: a file in a team's repository that fixes how its texts are judged."""

from llm_audit.policy.load import Loaded, load
from llm_audit.policy.model import Outcome, Override, Policy, Rules, Watermark

__all__ = ["Loaded", "Outcome", "Override", "Policy", "Rules", "Watermark", "load"]
