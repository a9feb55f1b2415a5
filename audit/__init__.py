"""llm-audit: audit language models and the provenance of text, with a p-value and its null hypothesis for every answer.

    import llm_audit

    report = llm_audit.detect(["essay.txt"])
    report.documents[0].p_value       # the rank of the text among human texts
    report.save("report.html")

Questions: `detect`, `attribute`, `watermark`, `gate`, `scan`, `bench` of texts; `membership.order`, `.score` and others of
training data; `audit_endpoint`, `watch_endpoint` of servers; `verify` of stored reports. Everything is imported
when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from llm_audit.common.version import __version__

TYPE_CHECKING = False  # as type checkers know it; `typing` alone would take longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

    from llm_audit.api import membership as membership
    from llm_audit.api.compliance import Compliance as Compliance
    from llm_audit.api.compliance import file_compliance as file_compliance
    from llm_audit.api.corpora import Scan as Scan
    from llm_audit.api.corpora import ScanInterrupted as ScanInterrupted
    from llm_audit.api.corpora import bench as bench
    from llm_audit.api.corpora import scan as scan
    from llm_audit.api.documents import File as File
    from llm_audit.api.documents import Text as Text
    from llm_audit.api.documents import attribute as attribute
    from llm_audit.api.documents import detect as detect
    from llm_audit.api.endpoint_setup import EndpointSetup as EndpointSetup
    from llm_audit.api.endpoints import audit_endpoint as audit_endpoint
    from llm_audit.api.endpoints import plan_audit as plan_audit
    from llm_audit.api.endpoints import probe_endpoint as probe_endpoint
    from llm_audit.api.endpoints import record_endpoint as record_endpoint
    from llm_audit.api.endpoints import watch_endpoint as watch_endpoint
    from llm_audit.api.gate import gate as gate
    from llm_audit.api.machine import load_policy as load_policy
    from llm_audit.api.making import count_frequencies as count_frequencies
    from llm_audit.api.making import generate as generate
    from llm_audit.api.making import new_canary as new_canary
    from llm_audit.api.making import train as train
    from llm_audit.api.populations import calibrate as calibrate
    from llm_audit.api.report import Report as Report
    from llm_audit.api.rules import explain as explain
    from llm_audit.api.rules import rules as rules
    from llm_audit.api.stored import read_report as read_report
    from llm_audit.api.stored import verify as verify
    from llm_audit.api.watermark import new_watermark_key as new_watermark_key
    from llm_audit.api.watermark import probe_watermark as probe_watermark
    from llm_audit.api.watermark import watermark as watermark
    from llm_audit.api.watermark import watermark_schemes as watermark_schemes
    from llm_audit.common.errors import AuditError as AuditError
    from llm_audit.common.errors import InvalidConfiguration as InvalidConfiguration
    from llm_audit.common.errors import InvalidInput as InvalidInput
    from llm_audit.common.errors import NotAvailable as NotAvailable
    from llm_audit.results import Verdict as Verdict
    from llm_audit.setup import Setup as Setup

_HOMES = {
    "api.compliance": ("Compliance", "file_compliance"),
    "api.corpora": ("Scan", "ScanInterrupted", "bench", "scan"),
    "api.documents": ("File", "Text", "attribute", "detect"),
    "api.endpoint_setup": ("EndpointSetup",),
    "api.endpoints": ("audit_endpoint", "plan_audit", "probe_endpoint", "record_endpoint", "watch_endpoint"),
    "api.gate": ("gate",),
    "api.machine": ("load_policy",),
    "api.making": ("count_frequencies", "generate", "new_canary", "train"),
    "api.populations": ("calibrate",),
    "api.report": ("Report",),
    "api.rules": ("explain", "rules"),
    "api.stored": ("read_report", "verify"),
    "api.watermark": ("new_watermark_key", "probe_watermark", "watermark", "watermark_schemes"),
    "common.errors": ("AuditError", "InvalidConfiguration", "InvalidInput", "NotAvailable"),
    "results": ("Verdict",),
    "setup": ("Setup",),
}  # fmt: skip
"""Module -> the names imported from it, each when it is first used."""

_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", "membership", *_HOME]


def __getattr__(name: str) -> Any:
    if name == "membership":
        attribute = import_module("llm_audit.api.membership")
    elif name in _HOME:
        attribute = getattr(import_module(f"llm_audit.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = attribute
    return attribute


def __dir__() -> list[str]:
    return sorted(__all__)
