"""The one vocabulary between detectors and reports: Result, Document, Report.

Detectors fill these models, reports render them, `llm-audit schema` publishes them as JSON Schema. Nothing here computes but a
digest of it all.
"""

from llm_audit.results.base import Model, Probability
from llm_audit.results.benchmark import Benchmark, Curve, FalseAlarms, Power
from llm_audit.results.core import (
    Draws,
    Effect,
    Fact,
    FalsePositiveRate,
    Histogram,
    Interval,
    Kind,
    ModelIdentity,
    Population,
    Result,
    Share,
    Span,
    Statistic,
    Verdict,
    decide,
)
from llm_audit.results.corpus import Corpus, Discovery, Ranked, Unread
from llm_audit.results.documents import Attribution, Authorship, Document, Mark, SetAttribution, Tokens, Trace
from llm_audit.results.gate import BaselineUse, Failure, Gated, GateOutcome, Suppression
from llm_audit.results.membership import (
    Conditions,
    Feature,
    Gate,
    Membership,
    Rate,
    Screened,
    Separation,
    StartToken,
    Table,
    is_blind,
)
from llm_audit.results.report import SCHEMA_VERSION, Coverage, Manifest, NotRead, Plugin, Report, Subject
from llm_audit.results.substitution import Cost, FailedRequest, Point, Served, Substitution

__all__ = [
    "SCHEMA_VERSION",
    "Attribution",
    "Authorship",
    "BaselineUse",
    "Benchmark",
    "Conditions",
    "Corpus",
    "Cost",
    "Coverage",
    "Curve",
    "Discovery",
    "Document",
    "Draws",
    "Effect",
    "Fact",
    "FailedRequest",
    "Failure",
    "FalseAlarms",
    "FalsePositiveRate",
    "Feature",
    "Gate",
    "GateOutcome",
    "Gated",
    "Histogram",
    "Interval",
    "Kind",
    "Manifest",
    "Mark",
    "Membership",
    "Model",
    "ModelIdentity",
    "NotRead",
    "Plugin",
    "Point",
    "Population",
    "Power",
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
    "StartToken",
    "Statistic",
    "Subject",
    "Substitution",
    "Suppression",
    "Table",
    "Tokens",
    "Trace",
    "Unread",
    "Verdict",
    "decide",
    "is_blind",
]
