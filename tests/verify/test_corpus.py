"""The summary of a scan and a benchmark are reports: they are read, rendered in every format, and verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_audit.api.stored import read_report, verify
from llm_audit.common.errors import InvalidInput
from llm_audit.detectors.registry import described
from llm_audit.reports.formats import FORMATS
from llm_audit.reports.formats.html import render as render_html
from llm_audit.reports.formats.json import render as render_json
from llm_audit.results import Benchmark, Interval, ModelIdentity
from llm_audit.results.benchmark import Curve, FalseAlarms
from llm_audit.results.canonical import content_digest
from llm_audit.training.evaluate import rate
from tests.reports import factory
from tests.scan.driver import run


@pytest.fixture
def scanned(tmp_path: Path) -> Path:
    """The folder of a scan of forty texts, of which one is a copy, one has no p-value and some are findings."""
    lines = [{"text": f"Text number {number % 38} of a corpus."} for number in range(39)] + [{"text": "This is unjudged."}]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "no JSON\n")
    run([str(tmp_path / "corpus.jsonl")], tmp_path / "out", alpha=0.3)
    return tmp_path / "out"


def mismatched(folder: Path) -> set[str]:
    return {mismatch.path for mismatch in verify(folder).mismatches}


def test_the_folder_of_a_scan_holds(scanned: Path) -> None:
    ledger = verify(scanned)
    assert ledger.mismatches == [] and ledger.unchecked == []
    assert ledger.recomputed["q-values"] >= 38 and ledger.recomputed["verdicts"] >= 39
    assert "taken as it stands" in ledger.notes[0]


def test_its_report_is_rendered_as_the_scan_did(scanned: Path) -> None:
    report = read_report(scanned)
    assert render_html(report) == (scanned / "report.html").read_text()
    assert render_json(report) == (scanned / "summary.json").read_text()
    assert report.corpus and report.corpus.discovery.found
    for name, kind in FORMATS.items():
        if not kind.needs:
            assert kind.renderer()(report, described), name


def test_without_its_rows_a_summary_is_checked_as_far_as_it_goes(scanned: Path) -> None:
    (scanned / "results.jsonl").rename(scanned / "away.jsonl")
    ledger = verify(scanned / "summary.json")
    assert ledger.mismatches == [] and [each.path for each in ledger.unchecked] == ["subjects[0]"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda corpus: corpus["discovery"].update(found=corpus["discovery"]["found"] + 1), "subjects[0].discovery.found"),
        (lambda corpus: corpus["verdicts"].update(error=0), "subjects[0].verdicts.error"),
        (lambda corpus: corpus.update(summary="Nothing was found."), "subjects[0].summary"),
        (lambda corpus: corpus.update(assumptions=[]), "subjects[0].assumptions"),
        (lambda corpus: corpus["ranked"].reverse(), "subjects[0].ranked[0].p_value"),
        (lambda corpus: corpus["unread"].clear(), "subjects[0].unread"),
        (lambda corpus: corpus.update(copies=0), "subjects[0].copies"),
        (lambda corpus: corpus.update(complete=False), "subjects[0].complete"),
    ],
)
def test_a_changed_summary_is_refused_with_the_field_named(
    scanned: Path, change: Callable[[dict[str, Any]], object], named: str
) -> None:
    content = json.loads((scanned / "summary.json").read_text())
    change(content["subjects"][0])
    content["content_digest"] = content_digest(content)
    (scanned / "summary.json").write_text(json.dumps(content))
    assert named in mismatched(scanned)


def test_limits_and_coverage_of_a_scan_are_compared(scanned: Path) -> None:
    content = json.loads((scanned / "summary.json").read_text())
    content["limits"] = ["This proves fraud beyond doubt."]
    content["coverage"]["scored"] += 1
    content["content_digest"] = content_digest(content)
    (scanned / "summary.json").write_text(json.dumps(content))
    assert {"limits[0]", "limits", "coverage.scored"} & mismatched(scanned) > {"coverage.scored"}


@pytest.mark.parametrize("field", ["q_value", "verdict", "p_value", "text_digest"])
def test_a_changed_row_is_refused(scanned: Path, field: str) -> None:
    rows = [json.loads(line) for line in (scanned / "results.jsonl").read_text().splitlines()]
    row = next(row for row in rows if row["verdict"] == "finding")
    row[field] = {"q_value": 0.5, "verdict": "pass", "p_value": 1.0, "text_digest": rows[0]["text_digest"]}[field]
    if row is rows[0] and field == "text_digest":
        row[field] = rows[1]["text_digest"]
    (scanned / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert mismatched(scanned)


@pytest.mark.parametrize("change", [{"p_value": 7.0}, {"p_value": "small"}, {"p_floor": None}, {"text_digest": "no digest"}])
def test_a_row_that_cannot_be_ranked_is_refused_with_its_line(scanned: Path, change: dict[str, object]) -> None:
    lines = (scanned / "results.jsonl").read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    (scanned / "results.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(InvalidInput, match=r"results\.jsonl, line 3, is no row of a scan: scan again into the same folder"):
        verify(scanned)


def test_rows_and_summaries_of_old_are_refused_in_a_sentence(scanned: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds the single documents of a scan: give summary\.json"):
        read_report(scanned / "results.jsonl")
    (tmp_path / "old.json").write_text('{"discovery": {}, "ranked": [], "complete": true}')
    with pytest.raises(InvalidInput, match="the same scan into the same folder"):
        read_report(tmp_path / "old.json")


P_VALUES = [0.001] * 3 + [0.03] * 5 + [0.5] * 92
"""Of a hundred human texts."""


def measured() -> Benchmark:
    """The false alarms of two detectors among a hundred human texts, in one slice; there are no machine texts."""
    names = ("AUD100", "curvature")
    alarms = FalseAlarms(
        detector="", by="all", group="all", n=100, at_5_percent=rate(P_VALUES, 0.05), at_1_percent=rate(P_VALUES, 0.01)
    )
    curve = Curve(detector="", nominal=(0.01, 0.05, 0.5), realised=(0.03, 0.08, 1.0))
    return Benchmark(
        data={"texts.jsonl": "d" * 64},
        notes=(),
        detectors=names,
        power=(),
        false_alarms=tuple(alarms.model_copy(update={"detector": name}) for name in names),
        curves=tuple(curve.model_copy(update={"detector": name}) for name in names),
    )


def fields_of(benchmark: Benchmark) -> tuple[set[str], list[str]]:
    """Fields of its report that do not hold, and those that could not be checked."""
    report = factory.benchmark_report(benchmark)
    model = ModelIdentity(name="m", digest="0" * 64, dtype="float32")
    update = {"started": "2026-01-01T00:00:00+00:00", "model": model, "detectors": ("AUD101",), "inputs": measured().data}
    report = report.model_copy(update={"manifest": report.manifest.model_copy(update=update)})
    ledger = verify(render_json(report).encode())
    return {mismatch.path for mismatch in ledger.mismatches}, [each.path for each in ledger.unchecked]


def test_the_rates_of_a_benchmark_are_computed_again() -> None:
    found = measured()
    assert fields_of(found) == (set(), ["subjects[0].power"])
    wrong = Interval(value=0.08, lower=0.01, upper=0.1)
    rows = (found.false_alarms[0].model_copy(update={"at_5_percent": wrong}), found.false_alarms[1])
    named, _ = fields_of(found.model_copy(update={"false_alarms": rows}))
    assert named == {"subjects[0].false_alarms[0].at_5_percent.lower", "subjects[0].false_alarms[0].at_5_percent.upper"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda found: {"false_alarms": found.false_alarms[:1]}, "subjects[0].false_alarms"),
        (lambda found: {"false_alarms": found.false_alarms[::-1]}, "subjects[0].false_alarms"),
        (lambda found: {"curves": found.curves[1:]}, "subjects[0].curves"),
        (lambda found: {"curves": (found.curves[0], _other(found.curves[1], 0.07))}, "subjects[0].curves[1].realised"),
        (lambda found: {"curves": (found.curves[0], _other(found.curves[1], 0.02))}, "subjects[0].curves[1]"),
        (lambda found: {"detectors": ("AUD100", "lrr")}, "subjects[0].detectors"),
        (lambda found: {"data": {"texts.jsonl": "e" * 64}}, "subjects[0].data"),
    ],
)
def test_no_row_and_no_curve_of_a_benchmark_is_left_out(change: Callable[[Benchmark], dict[str, object]], field: str) -> None:
    found = measured()
    named, _ = fields_of(found.model_copy(update=change(found)))
    assert field in named


def _other(curve: Curve, rate_at_5_percent: float) -> Curve:
    return curve.model_copy(update={"realised": (curve.realised[0], rate_at_5_percent, curve.realised[2])})
