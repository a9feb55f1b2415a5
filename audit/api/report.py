"""The report as a Python user gets it: the data of `llm_audit.results.Report`, with ways to write and to show it."""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from typing import Any

from llm_audit import results
from llm_audit.api.arguments import checked
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
        """A pandas data frame: a row per document or, if there are none, per test; for a corpus, per document that it lists.

        Columns of documents: name, verdict, p_value, p_floor, n (reference texts compared with), tokens, language, summary, and
        the p-value of each rule under its code. Columns of tests: rule, name, verdict, p_value, p_floor, n.

        Raises:
            NotAvailable: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise NotAvailable("A data frame needs pandas: install it with `pip install pandas`.") from None
        rows = [_row(document) for document in self.documents] or [_test(result) for result in self.tests]
        if self.corpus:
            rows = [document.model_dump(mode="json") for document in self.corpus.ranked]
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        """The page of the report for a notebook, in a frame of its own in which no script runs."""
        from llm_audit.reports.formats.html import render as render_html

        page = html.escape(render_html(self))
        return f'<iframe sandbox srcdoc="{page}" style="width:100%;height:40em;border:0" title="llm-audit report"></iframe>'


def _row(document: results.Document) -> dict[str, Any]:
    combined = document.combined
    return {
        "name": document.name,
        "verdict": document.verdict.value,
        "p_value": document.p_value,
        "p_floor": combined.p_floor if combined else None,
        "n": combined.population.n if combined and combined.population else None,
        "tokens": document.tokens,
        "language": document.language,
        "summary": document.summary,
        **{result.rule: result.p_value for result in document.results},
    }


def _test(result: results.Result) -> dict[str, Any]:
    return result.model_dump(mode="json", include={"rule", "name", "verdict", "p_value", "p_floor", "n"})
