"""Verification of corpora, from their single documents, and of the rates of benchmarks."""

from __future__ import annotations

from pathlib import Path

from llm_audit.common.errors import AuditError
from llm_audit.detectors import populations
from llm_audit.detectors.registry import described, shipped
from llm_audit.results import Benchmark, Corpus, Interval, Manifest, Ranked, Verdict
from llm_audit.scanning.results import ROWS, SHOWN, Summary, detectors_of, judged_again, read_rows, stated, verdict_of
from llm_audit.stats.classification import binomial_interval
from llm_audit.verification.ledger import Ledger


def corpus(path: str, subject: Corpus, manifest: Manifest, beside: Path | None, ledger: Ledger) -> None:
    """Check all that a report states about a corpus, from the rows beside it or, without them, from the report alone."""
    if beside is None or not (beside / ROWS).is_file():
        ledger.cannot(path, f"{ROWS}, which holds the single documents, is not beside the report")
        _alone(path, subject, manifest, ledger)
        return
    if (detectors := detectors_of(beside / ROWS)) is not None:
        ledger.same("manifest.detectors", manifest.detectors, detectors)
    family, counted = judged_again(beside / ROWS, manifest.alpha), Summary()
    for i, (row, judged) in enumerate(zip(read_rows(beside / ROWS), family, strict=True)):
        if (again := verdict_of(row, judged, manifest.alpha)) is not None:
            ledger.same(f"{ROWS}[{i}].verdict", row["verdict"], again)
        ledger.same(f"{ROWS}[{i}].q_value", row["q_value"], judged.q_value)
        counted.add(row, judged)
    for name, again in counted.fields(family, manifest).items():
        ledger.same(f"{path}.{name}", getattr(subject, name), again)
    ledger.same(f"{path}.complete", subject.complete, subject.included == subject.documents)
    _stated(path, subject, manifest, ledger)
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
    _stated(path, subject, manifest, ledger)


def _stated(path: str, subject: Corpus, manifest: Manifest, ledger: Ledger) -> None:
    """Check counts and lists that follow from the report, whether its rows are here or not."""
    asked = subject.documents if subject.limit is None else min(subject.limit, subject.documents)
    ledger.holds(f"{path}.limit", subject.limit, subject.included <= asked, "is below the number of documents")
    discovery, errors = subject.discovery, subject.verdicts.get(Verdict.ERROR, 0)
    ledger.same(f"{path}.unread", len(subject.unread), min(SHOWN, errors))
    ledger.same(f"{path}.ranked", len(subject.ranked), min(SHOWN, discovery.tests))
    places = [entry.p_value for entry in subject.ranked]
    ledger.holds(f"{path}.ranked", None, places == sorted(places), "are not in the order of their p-values")
    wrong = [number for number, entry in enumerate(subject.ranked) if not _possible(entry, discovery.alpha)]
    at = f"{path}.ranked[{wrong[0]}]" if wrong else f"{path}.ranked"
    ledger.holds(at, None, not wrong, "have another verdict or p-value than the q-value allows")
    low = sum(entry.p_value <= discovery.alpha for entry in subject.ranked)
    right = discovery.low == low if low < len(subject.ranked) or discovery.tests <= SHOWN else low <= discovery.low
    ledger.holds(f"{path}.discovery.low", discovery.low, right, "is not the number of small p-values")
    try:
        here = populations.load(manifest.population or "")
    except AuditError:
        return
    if here.digest == manifest.population_digest:
        ledger.same(f"{path}.population_description", subject.population_description, here.datasheet.description)


def _possible(entry: Ranked, alpha: float) -> bool:
    """Whether the verdict and the p-values of a document go with its q-value."""
    finding = entry.verdict is Verdict.FINDING
    return entry.p_floor <= entry.p_value <= entry.q_value and finding == (entry.q_value <= alpha)


def benchmark(path: str, subject: Benchmark, manifest: Manifest, ledger: Ledger) -> None:
    """Check the rates of a benchmark and their intervals; what would need the scores of every text is noted as unchecked."""
    _tables(path, subject, ledger)
    codes = {rule.name: rule.code for rule in shipped("origin")}
    named = [codes.get(name) for name in subject.detectors[1:]]  # the first is all together; of a plugin no name is known
    ledger.holds(f"{path}.detectors", None, None in named or named == list(manifest.detectors), "are not those of the manifest")
    ledger.same(f"{path}.detectors", subject.combined, described("origin").code)
    read = set(manifest.inputs.values()).issuperset(subject.data.values()) and bool(subject.data)
    ledger.holds(f"{path}.data", None, read, "are no files that the manifest names")
    for number, row in enumerate(subject.false_alarms):
        for name in ("at_5_percent", "at_1_percent"):
            stored: Interval = getattr(row, name)
            lower, upper = binomial_interval(round(stored.value * row.n), row.n)
            again = Interval(value=round(stored.value * row.n) / row.n, lower=lower, upper=upper)
            ledger.same(f"{path}.false_alarms[{number}].{name}", stored, again)
    ledger.cannot(f"{path}.power", "areas and thresholds need the scores of every text, which a benchmark does not keep")


def _tables(path: str, subject: Benchmark, ledger: Ledger) -> None:
    """Check that each slice of the texts has a row for each detector, of the same texts, and that curves agree with rows."""
    humans: dict[tuple[str, str], set[int]] = {}
    for name, sizes in (("false_alarms", ("n",)), ("power", ("n_human", "n_machine"))):
        rows = getattr(subject, name)
        slices = list(dict.fromkeys((row.by, row.group) for row in rows))
        expected = [(place, detector) for place in slices for detector in subject.detectors]
        right = [((row.by, row.group), row.detector) for row in rows] == expected
        ledger.holds(f"{path}.{name}", None, right, "lack a row for each detector and slice, in their order")
        counts = {(row.by, row.group, *(getattr(row, size) for size in sizes)) for row in rows}
        ledger.holds(f"{path}.{name}", None, len(counts) == len(slices), "are of different texts within one slice")
        for row in rows:
            humans.setdefault((row.by, row.group), set()).add(getattr(row, sizes[0]))
    ledger.holds(
        f"{path}.power", None, all(len(sizes) == 1 for sizes in humans.values()), "are of other human texts than the rates"
    )
    detectors = [curve.detector for curve in subject.curves]
    ledger.holds(f"{path}.curves", None, detectors in ([], list(subject.detectors)), "are not one for each detector")
    whole = {row.detector: row for row in subject.false_alarms if row.by == "all"}
    for number, curve in enumerate(subject.curves):
        at, steps = f"{path}.curves[{number}]", list(zip(curve.nominal, curve.realised, strict=False))
        right = len(curve.nominal) == len(curve.realised) and list(curve.nominal) == sorted(set(curve.nominal))
        ledger.holds(at, None, right and list(curve.realised) == sorted(curve.realised), "does not rise")
        ledger.same(f"{at}.nominal", curve.nominal, subject.curves[0].nominal)
        if (row := whole.get(curve.detector)) is not None:
            rates = {0.05: row.at_5_percent.value, 0.01: row.at_1_percent.value}
            right = all(rates.get(nominal, realised) == realised for nominal, realised in steps)
            ledger.holds(f"{at}.realised", None, right, "are not the rates of the table")
