"""The report as JSON lines: a record for each subject as soon as it is finished, and one for everything else at the end.

The last record is written last, so its being there means that the run was completed.
"""

from __future__ import annotations

from llm_audit.reports.formats import json
from llm_audit.results import Report, Subject
from llm_audit.results.read import REPORT


def render(report: Report) -> str:
    """All records of a report."""
    return "".join([*map(record, report.subjects), last(report)])


def record(subject: Subject) -> str:
    """The line of one subject, its kind in the field `type`."""
    return json.dump({"type": subject.kind, **subject.model_dump(exclude={"kind"})}, indent=None)


def last(report: Report) -> str:
    """The line of everything but the subjects."""
    return json.dump({"type": REPORT, **json.content(report, without=frozenset({"subjects"}))}, indent=None)
