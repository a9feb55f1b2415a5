"""From the text of a stored report to what a verification came to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llm_audit import plan
from llm_audit.results import Report
from llm_audit.results.canonical import content_digest
from llm_audit.verify import files
from llm_audit.verify.documents import document
from llm_audit.verify.gate import gate
from llm_audit.verify.ledger import Ledger, Mismatch
from llm_audit.verify.membership import membership
from llm_audit.verify.substitution import substitution


class UnreadableReport(Exception):
    """No report, or one that this version does not read; the message is a sentence."""


class _Written(float):
    """A number that knows how it was written."""

    text: str

    def __new__(cls, text: str) -> _Written:
        number = super().__new__(cls, text)
        number.text = text
        return number


def verify(text: str, folder: Path) -> tuple[Ledger, Report | None]:
    """Compute again whatever follows from the numbers of a report.

    Args:
        text: of the JSON file.
        folder: from which the report's inputs are named.

    Returns:
        What it came to, and the report; None if a value is none that the field can have, which is a mismatch.

    Raises:
        UnreadableReport: the text is no report.
    """
    content = _parsed(text)
    ledger = Ledger()
    for path in _respelt(json.loads(text, parse_float=_Written)):
        ledger.mismatches.append(Mismatch(path, None, None, "is not written as llm-audit writes numbers"))
    stored = content.get("content_digest")
    if stored is None:
        ledger.cannot("content_digest", "the report has none: it was written by an earlier version")
    else:
        ledger.same("content_digest", stored, content_digest(content))
    try:
        report = Report.model_validate_json(text)
    except ValidationError as error:
        if stored is None or stored == content_digest(content):
            raise UnreadableReport(f"it does not fit this version: {_first(error)}") from error
        ledger.mismatches += [
            Mismatch(_path(one["loc"]), _json(one["input"]), None, "is no value that the field can have")
            for one in error.errors()
        ]
        return ledger, None
    try:
        _recompute(report, folder, ledger)
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
        ZeroDivisionError,
        AssertionError,
        MemoryError,
    ) as error:
        ledger.mismatches.append(Mismatch("evidence", None, None, f"cannot be what was measured ({error})"))
    return ledger, report


def _recompute(report: Report, folder: Path, ledger: Ledger) -> None:
    manifest, find = report.manifest, files.finder(ledger)
    for number, one in enumerate(report.documents):
        document(f"documents[{number}]", one, manifest, ledger, find)
    if report.gate is not None:
        gate(report, report.gate, ledger)
    if report.membership is not None:
        membership("membership", report.membership, manifest.alpha, ledger)
    if report.substitution is not None:
        substitution("substitution", report.substitution, manifest.alpha, ledger)
    if report.documents:
        ledger.same("coverage", report.coverage, plan.coverage(report.documents))
    else:
        counted = report.coverage
        total = counted.scored + counted.not_assessable + counted.unreadable
        ledger.same("coverage.found", counted.found, total)
    files.inputs(report, folder, ledger)
    files.models(manifest, ledger)


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("it is not JSON") from error
    if not isinstance(content, dict) or not {"schema_version", "question", "manifest"} <= content.keys():
        raise UnreadableReport("it is no report of llm-audit")
    return content


def _respelt(value: Any, path: str = "") -> Iterator[str]:
    """Paths of numbers that are written in another way than the shortest."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _respelt(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _respelt(each, f"{path}[{number}]")
    elif isinstance(value, _Written) and repr(float(value)) != value.text:
        yield path


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    return f"{_path(one['loc'])}: {one['msg']}"


def _path(place: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else None
