"""The one vocabulary between detectors and reports: Result, Document, Report.

Detectors fill these models, reports render them, `llm-audit schema` publishes them as JSON Schema. Nothing here computes but a
digest of it all.
"""

from llm_audit.results.base import Model, Probability
from llm_audit.results.core import (
    Draws,
    Effect,
    Fact,
    FalsePositiveRate,
    Histogram,
    Interval,
    ModelIdentity,
    Population,
    Result,
    Share,
    Span,
    Statistic,
    Verdict,
    decide,
)
from llm_audit.results.corpus import CorpusReport, Discovery, Ranked, Unread
from llm_audit.results.documents import Attribution, Authorship, Document, Mark, SetAttribution, Tokens, Trace
from llm_audit.results.gate import BaselineUse, Failure, Gated, GateOutcome, Suppression
from llm_audit.results.membership import Feature, Gate, Membership, Rate, Screened, Separation, is_blind
from llm_audit.results.report import SCHEMA_VERSION, Coverage, Manifest, NotRead, Plugin, Report, limits_of
from llm_audit.results.substitution import Cost, FailedRequest, Point, Served, Substitution

__all__ = [
    "SCHEMA_VERSION",
    "Attribution",
    "Authorship",
    "BaselineUse",
    "CorpusReport",
    "Cost",
    "Coverage",
    "Discovery",
    "Document",
    "Draws",
    "Effect",
    "Fact",
    "FailedRequest",
    "Failure",
    "FalsePositiveRate",
    "Feature",
    "Gate",
    "GateOutcome",
    "Gated",
    "Histogram",
    "Interval",
    "Manifest",
    "Mark",
    "Membership",
    "Model",
    "ModelIdentity",
    "NotRead",
    "Plugin",
    "Point",
    "Population",
    "Probability",
    "Ranked",
    "Rate",
    "Report",
    "Result",
    "Screened",
    "Separation",
    "Served",
    "SetAttribution",
    "Share",
    "Span",
    "Statistic",
    "Substitution",
    "Suppression",
    "Tokens",
    "Trace",
    "Unread",
    "Verdict",
    "decide",
    "is_blind",
    "limits_of",
]
