"""The report as JSON lines: a record for each document as soon as it is finished, and one for everything else at the end.

The last record is written last, so its being there means that the run was completed.
"""

from __future__ import annotations

from llm_audit.reports import json
from llm_audit.results import Document, Report
from llm_audit.results.read import DOCUMENT, REPORT


def render(report: Report) -> str:
    """All records of a report."""
    return "".join([*map(record, report.documents), last(report)])


def record(document: Document) -> str:
    """The line of one document."""
    return json.dump({"type": DOCUMENT, **document.model_dump()}, indent=None)


def last(report: Report) -> str:
    """The line of all that is not said of a single document."""
    return json.dump({"type": REPORT, **json.content(report, without=frozenset({"documents"}))}, indent=None)
