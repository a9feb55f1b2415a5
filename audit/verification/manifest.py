"""Verification of the manifest: what follows from the question, the results and what is here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from llm_audit.common.errors import AuditError
from llm_audit.detectors import populations
from llm_audit.reports.wording import limits as wording
from llm_audit.results import Document, Manifest, Report
from llm_audit.results.rules import FAMILIES
from llm_audit.verification.ledger import Ledger

AGAINST_PEOPLE = (wording.ORIGIN, wording.ATTRIBUTION, wording.SCAN, wording.BENCHMARK)
"""Questions whose texts are compared with human writing; a gate does so where its policy asks who wrote them."""

ON_TEXTS = (*AGAINST_PEOPLE, wording.GATE, wording.WATERMARK, wording.PROBE)

_VERSION = re.compile(r"\d+(?:\.\w+)*(?:\+[\w.]+)?")
_CODE = re.compile(r"AUD\d{3}")


def manifest(report: Report, ledger: Ledger) -> None:
    """Check the manifest of a report of the present schema version."""
    stated = report.manifest
    ledger.same("manifest.tool", stated.tool, Manifest.model_fields["tool"].default)
    ledger.holds("manifest.version", stated.version, bool(_VERSION.fullmatch(stated.version)), "is no version")
    _times(report, ledger)
    _population(report, ledger)
    if report.question in ON_TEXTS:
        _detectors(report, ledger)
    named = report.question == wording.ATTRIBUTION or not stated.candidates
    ledger.holds("manifest.candidates", None, named, "are named, although nobody was asked about")
    models = [(model.name, model.digest, model.dtype) for model in stated.further_models]
    ledger.holds("manifest.further_models", None, len(set(models)) == len(models), "are not each named once")
    weighed = set(stated.weights) <= {code for code in stated.weights if _CODE.fullmatch(code)}
    ledger.holds("manifest.weights", None, weighed and bool(stated.population or not stated.weights), "are of no rule")


def _times(report: Report, ledger: Ledger) -> None:
    """Check that the run began and ended at times, in this order, and that the day of a gate is one of them."""
    times = []
    for name in ("started", "finished"):
        stated = getattr(report.manifest, name)
        try:
            times += [datetime.fromisoformat(stated)] if stated is not None else []
        except ValueError:
            ledger.holds(f"manifest.{name}", stated, False, "is no time")
    begun = (report.manifest.started is not None) == (report.question != wording.SCAN)  # which may go on at several times
    ledger.holds("manifest.started", report.manifest.started, begun, "is missing, or stands where it should not")
    ledger.holds("manifest.finished", report.manifest.finished, times == sorted(times), "is before the beginning")
    if report.gate is not None and len(times) == 2:
        days = [time.date().isoformat() for time in times]
        ledger.holds("gate.day", report.gate.day, days[0] <= report.gate.day <= days[1], "is no day of the run")


def _population(report: Report, ledger: Ledger) -> None:
    """Check that a population and a scoring model are named where texts are compared with human writing, and only there."""
    stated = report.manifest
    origin = any(FAMILIES.get(code[3:4]) == "origin" for code in stated.detectors)
    compares = report.question in AGAINST_PEOPLE or (report.question == wording.GATE and origin)
    for name in ("population", "population_digest"):
        value = getattr(stated, name)
        reason = "is missing" if compares else "is named, although nothing was compared with human writing"
        ledger.holds(f"manifest.{name}", value, compares == (value is not None), reason)
    if report.question in ON_TEXTS:
        reason = "is missing" if compares else "is named, although nothing was scored"
        ledger.holds("manifest.model", None, compares == (stated.model is not None), reason)
    if not compares or stated.population is None:
        return
    try:
        here = populations.load(stated.population)
    except AuditError:  # which is noted with the results
        return
    if here.digest == stated.population_digest:
        ledger.same("manifest.weights", stated.weights, dict(sorted(here.datasheet.weights.items())))


def _detectors(report: Report, ledger: Ledger) -> None:
    """Check that the detectors of a run over texts are rules, each once and in order, and that those of marks are all there."""
    stated = report.manifest.detectors
    right = list(stated) == sorted(set(stated)) and all(map(_CODE.fullmatch, stated))
    ledger.holds("manifest.detectors", None, right, "are not rules, in their order, each once")
    asked = [code for code in stated if FAMILIES.get(code[3:4]) == "watermark"]
    tested = _marks(report.documents)
    if report.question in (wording.PROBE, wording.GATE):
        ledger.same("manifest.detectors", asked, tested)
    elif report.question == wording.WATERMARK:
        ledger.holds("manifest.detectors", None, set(tested) <= set(stated), "lack rules of which there are results")
        ledger.same("manifest.detectors", list(stated), asked)


def _marks(documents: Sequence[Document]) -> list[str]:
    """Rules of the family of watermarks of which there are results, sorted."""
    return sorted({result.rule for document in documents for result in document.results if result.family == "watermark"})
