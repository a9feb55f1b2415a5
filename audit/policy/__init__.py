"""The policy: what a team fixes once, in a file of its repository, about how its texts are judged."""

from llm_audit.policy.load import Loaded, load
from llm_audit.policy.model import Outcome, Override, Policy, Rules, Watermark

__all__ = ["Loaded", "Outcome", "Override", "Policy", "Rules", "Watermark", "load"]
