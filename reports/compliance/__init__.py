"""Compliance reports: requirement, evidence, result, limits. They state the evidence, and leave the verdict to people.

The requirements and all words about them are in a TOML file of a framework, one of ours or the user's.
"""

from llm_audit.reports.compliance.assess import assess
from llm_audit.reports.compliance.framework import FRAMEWORKS, load
from llm_audit.reports.compliance.model import Claim, ComplianceReport, Framework, Outcome, Selector
from llm_audit.reports.compliance.render import RENDERERS

__all__ = [
    "FRAMEWORKS",
    "RENDERERS",
    "Claim",
    "ComplianceReport",
    "Framework",
    "Outcome",
    "Selector",
    "assess",
    "load",
]
