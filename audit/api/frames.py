"""The rows of a report as a data frame shows them: what they are of depends on the question that the report answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_audit import results

COLUMNS = ("name", "verdict", "p_value", "p_floor", "n", "tokens", "language", "summary")
"""Columns of documents, before those of the gate and of single rules."""


def rows_of(report: results.Report) -> list[dict[str, Any]]:
    """A row for each document, candidate of a document, scored text, test, document that a scan lists, or group of texts."""
    if report.corpus:
        return [document.model_dump(mode="json") for document in report.corpus.ranked]
    if report.benchmark:
        return [*map(_flat, report.benchmark.power), *map(_flat, report.benchmark.false_alarms)]
    if report.membership and report.membership.texts:
        return [_text(text) for text in report.membership.texts]
    if any(document.attributions for document in report.documents):
        return [row for document in report.documents for row in _candidates(document)]
    return [_document(document) for document in report.documents] or _tests(report.tests)


def _document(document: results.Document) -> dict[str, Any]:
    combined, gated = document.combined, document.gate
    values = (
        document.name,
        document.verdict.value,
        document.p_value,
        combined.p_floor if combined else None,
        combined.population.n if combined and combined.population else None,
        document.tokens,
        document.language,
        document.summary,
    )
    return {
        **dict(zip(COLUMNS, values, strict=True)),
        **({"q_value": gated.q_value, "failed": bool(gated.failures)} if gated else {}),
        **{result.rule: result.p_value for result in document.results},
    }


def _candidates(document: results.Document) -> list[dict[str, Any]]:
    """A row for each candidate of a document; of a document that was compared with none, one without a candidate."""
    if not document.attributions:
        return [{"name": document.name, "candidate": None, "verdict": document.verdict.value, "reason": document.summary}]
    kept = {"candidate", "role", "verdict", "p_value", "exact", "reason"}
    return [{"name": document.name, **candidate.model_dump(mode="json", include=kept)} for candidate in document.attributions]


def _text(text: results.Screened) -> dict[str, Any]:
    return {**text.model_dump(mode="json", include={"name", "side", "tokens", "truncated", "group"}), **text.scores}


def _tests(tests: Sequence[results.Result]) -> list[dict[str, Any]]:
    return [test.model_dump(mode="json", include={"rule", "name", "verdict", "p_value", "p_floor", "n"}) for test in tests]


def _flat(rates: results.Power | results.FalseAlarms) -> dict[str, Any]:
    """Rates in one row: the value of each, and the ends of its 95 % interval beside it."""
    row: dict[str, Any] = {"measure": "power" if isinstance(rates, results.Power) else "false alarms"}
    for name in type(rates).model_fields:
        value = getattr(rates, name)
        if isinstance(value, results.Interval):
            row |= {name: value.value, f"{name}_lower": value.lower, f"{name}_upper": value.upper}
        else:
            row[name] = value
    return row
