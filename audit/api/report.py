"""The report as a Python user gets it: the data of `llm_audit.results.Report`, with ways to write and to show it."""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from typing import Any

from llm_audit import results
from llm_audit.api.arguments import checked
from llm_audit.api.frames import COLUMNS, rows_of
from llm_audit.common.errors import InvalidConfiguration, NotAvailable


class Report(results.Report):
    """Report of one run: its subjects with their results, and a manifest to repeat it.

    `report.documents[0].p_value`, `report.membership`, `report.substitution`, `report.corpus`, `report.benchmark` and
    `report.gate` hold the results; `limits` says what the numbers do not prove.

    >>> report = llm_audit.detect("essay.txt")
    >>> report.save("report.html")
    >>> report.to_dict()["subjects"][0]["verdict"]
    'pass'
    """

    def __repr__(self) -> str:
        single = [subject for subject in self.subjects if not isinstance(subject, results.Corpus | results.Benchmark)]
        verdicts = Counter(f"{subject.kind} {subject.verdict.value}" for subject in single)
        counted = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items())
        return (
            f"<Report: {self.question} {counted or ', '.join(subject.kind for subject in self.subjects) or 'nothing judged'}>"
        )

    __str__ = __repr__

    @classmethod
    def of(cls, report: results.Report) -> Report:
        """The report as an instance of this class, with its methods."""
        return cls.model_construct(_fields_set=report.model_fields_set, **dict(report))

    @checked
    def render(self, format_: str) -> str | bytes:
        """The report in a format, given by its name ("json", "html", "sarif"): text, or bytes for PDF.

        Raises:
            InvalidConfiguration: no format has this name.
            NotAvailable: the format needs a package that is not installed.
        """
        from llm_audit.detectors.registry import described
        from llm_audit.reports.formats import FORMATS

        if format_ not in FORMATS:
            raise InvalidConfiguration(f"There is no format {format_!r}; choose from {', '.join(FORMATS)}.")
        return FORMATS[format_].renderer()(self, described)

    @checked
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report in the format that the path's suffix names: .html, .pdf, .json, .jsonl, .sarif, .xml, .md and more.

        Raises:
            InvalidConfiguration: the suffix names no format.
            NotAvailable: the format needs a package that is not installed, or the file cannot be written.
        """
        from llm_audit.detectors.registry import described
        from llm_audit.reports.write import write_report

        write_report(self, path, described)

    def to_dict(self) -> dict[str, Any]:
        """The whole report as parsed JSON: dictionaries, lists, strings and numbers. See `llm-audit schema`."""
        from llm_audit.reports.formats.json import render as render_json

        content: dict[str, Any] = json.loads(render_json(self))
        return content

    def to_frame(self) -> Any:
        """A pandas data frame of the results; what a row is of depends on the question.


        - `detect`, `watermark`: a document, with name, verdict, p_value, p_floor, n (reference texts compared with), tokens,
          language, summary, and the p-value of each rule under its code; of `gate` also q_value and failed.
        - `attribute`: a document and a candidate, with name, candidate, role, verdict, p_value, exact, reason.
        - `membership`, `audit_endpoint`: a test, with rule, name, verdict, p_value, p_floor, n; of `membership.score` a text,
          with name, side, tokens and its scores.
        - `scan`: a document of those least like the population; all of them are in its results.jsonl.
        - `bench`: the rates of a detector on a group of texts, each with the ends of its interval.

        Raises:
            NotAvailable: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise NotAvailable("A data frame needs pandas: install it with `pip install pandas`.") from None
        rows = rows_of(self)
        return pandas.DataFrame(rows, columns=None if rows else COLUMNS)

    def _repr_html_(self) -> str:
        """The page of the report for a notebook, in a frame of its own in which no script runs."""
        from llm_audit.reports.formats.html import render as render_html

        return framed(render_html(self))


def framed(page: str) -> str:
    """A page for a notebook, in a frame of its own in which no script runs."""
    style = "width:100%;height:40em;border:0"
    return f'<iframe sandbox srcdoc="{html.escape(page)}" style="{style}" title="llm-audit report"></iframe>'
