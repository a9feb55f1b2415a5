"""Compliance reports: requirement, evidence, result, limits. They say what evidence there is, and leave the verdict to people.

Which requirements there are, and every word about them, stands in a TOML file beside this one, or in the user's own.
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
