"""Verification of corpora, from their single documents, and of the rates of benchmarks."""

from __future__ import annotations

from pathlib import Path

from llm_audit.results import Benchmark, Corpus, Interval, Manifest
from llm_audit.scanning.results import ROWS, Summary, judged_again, read_rows, stated
from llm_audit.stats.classification import binomial_interval
from llm_audit.verification.ledger import Ledger


def corpus(path: str, subject: Corpus, manifest: Manifest, beside: Path | None, ledger: Ledger) -> None:
    """Check all that a report states about a corpus, from the rows beside it or, without them, from the report alone."""
    if beside is None or not (beside / ROWS).is_file():
        ledger.cannot(path, f"{ROWS}, which holds the single documents, is not beside the report")
        _alone(path, subject, manifest, ledger)
        return
    family, counted = judged_again(beside / ROWS, manifest.alpha), Summary()
    for i, (row, judged) in enumerate(zip(read_rows(beside / ROWS), family, strict=True)):
        if judged.verdict:
            ledger.same(f"{ROWS}[{i}].verdict", row["verdict"], judged.verdict)
        ledger.same(f"{ROWS}[{i}].q_value", row["q_value"], judged.q_value)
        counted.add(row, judged)
    for name, again in counted.fields(family, manifest).items():
        ledger.same(f"{path}.{name}", getattr(subject, name), again)
    ledger.same(f"{path}.complete", subject.complete, subject.included == subject.documents)
    ledger.notes.append(
        f"The p-value of each single document is taken as it stands in {ROWS}, which does not hold the statistics behind it: "
        "`llm-audit detect` computes one again."
    )


def _alone(path: str, subject: Corpus, manifest: Manifest, ledger: Ledger) -> None:
    """Compare the fields that follow from the report without its rows."""
    discovery = subject.discovery
    for name, again in stated(discovery, manifest).items():
        ledger.same(f"{path}.{name}", getattr(subject, name), again)
    ledger.same(f"{path}.discovery.alpha", discovery.alpha, manifest.alpha)
    ledger.same(f"{path}.discovery.low_by_chance", discovery.low_by_chance, discovery.alpha * discovery.tests)
    ledger.same(f"{path}.discovery.tests", discovery.tests, sum(discovery.histogram))
    ledger.same(f"{path}.included", subject.included, sum(subject.verdicts.values()))
    ledger.same(f"{path}.complete", subject.complete, subject.included == subject.documents)


def benchmark(path: str, subject: Benchmark, ledger: Ledger) -> None:
    """Check the rates of a benchmark and their intervals; what would need the scores of every text is noted as unchecked."""
    for number, row in enumerate(subject.false_alarms):
        for name in ("at_5_percent", "at_1_percent"):
            stored: Interval = getattr(row, name)
            lower, upper = binomial_interval(round(stored.value * row.n), row.n)
            again = Interval(value=round(stored.value * row.n) / row.n, lower=lower, upper=upper)
            ledger.same(f"{path}.false_alarms[{number}].{name}", stored, again)
    ledger.cannot(f"{path}.power", "areas and thresholds need the scores of every text, which a benchmark does not keep")
