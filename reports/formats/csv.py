"""The documents as a table for a spreadsheet: one a row, the plain sentence beside the numbers.

Numbers have four digits that count; all digits are in the JSON report.

A cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io

from llm_audit.reports import format as fmt
from llm_audit.reports.views.documents import words
from llm_audit.reports.views.findings import coverage, plain
from llm_audit.reports.views.lead import lead, where
from llm_audit.results import Document, Report

COLUMNS = (
    "document", "verdict", "in_words", "p_value", "p_floor", "q_value", "share", "words", "tokens", "language", "tampering",
    "passages", "reason", "notes", "sha256",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report) -> str:
    """A header, a row for each document in the order of the report, and a last row with the counts of inputs."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for document in report.documents:
        rows.writerow([_cell(value) for value in _row(document, report.manifest.alpha)])
    rows.writerow([_cell(f"All: {coverage(report)}"), *[""] * (len(COLUMNS) - 1)])
    return out.getvalue()


def _row(document: Document, alpha: float) -> list[str]:
    combined = document.combined
    numbers = [
        combined.p_value if combined else None,
        combined.p_floor if combined else None,
        document.gate.q_value if document.gate else None,
        document.share,
        words(document),
        document.tokens,
    ]
    return [
        document.name,
        fmt.LABELS[document.verdict][1],
        lead(document, alpha),
        *(_number(number) for number in numbers),
        document.language or "",
        "; ".join(result.reason for result in document.tampering),
        where(document, alpha),
        document.summary,
        " ".join(document.notes),
        document.sha256 or "",
    ]


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def _cell(value: str) -> str:
    value = plain(value)
    return f"'{value}" if value.startswith(_FORMULA) else value
