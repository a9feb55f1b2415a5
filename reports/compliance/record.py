"""Evidence about the audit itself: its errors, populations, limits, coverage, and whether it can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

from llm_audit.reports import format as fmt
from llm_audit.reports.compliance.model import Outcome, Pointer
from llm_audit.reports.compliance.seen import Seen, not_testable, some
from llm_audit.results import Report, Result


def false_positive_rate(report: Report) -> Seen:
    """Whether each deciding test states its false-positive rate."""
    tests = list(_deciding(report))
    if not tests:
        return not_testable("The report decides nothing by a test, so that no rate of errors applies.")
    stated = [(place, test, _how_wrong(test)) for place, test in tests]
    silent = [place for place, _, rate in stated if rate is None]
    sentences = [f"{test.population.name if test.population else place.where}: {rate}" for place, test, rate in stated if rate]
    count = f"{fmt.count(len(tests) - len(silent))} of {fmt.plural(len(tests), 'deciding test')} state it."
    return Seen(
        Outcome.NOT_FOUND if silent else Outcome.FOUND,
        (count, *some(sentences, "such statements")),
        tuple(silent or (place for place, _, _ in stated)),
    )


def false_negative_rate(report: Report) -> Seen:
    """Whether a false-negative rate is stated: no report on subjects of unknown origin can hold one."""
    return not_testable(
        "How much a test misses cannot be seen where the truth is unknown. llm-audit bench measures it for detectors, on texts "
        "of known origin."
    )


def population_documented(report: Report) -> Seen:
    """Whether the report states what each deciding test compared its subject with."""
    if report.membership:
        place = Pointer(where="the membership audit", path="/subjects/0/provenance")
        return Seen(Outcome.FOUND, (f"Non-members, as the user states: {report.membership.provenance}",), (place,))
    if report.substitution:
        place = Pointer(where="the substitution audit", path="/subjects/0/allowed")
        allowed = ", ".join(report.substitution.allowed) or "nothing"
        return Seen(Outcome.FOUND, (f"Compared with {report.substitution.model}; allowed as promised: {allowed}.",), (place,))
    tests = list(_deciding(report))
    if not tests:
        return not_testable("The report judges no text, so that nothing was compared.")
    stated = [test.population for _, test in tests if test.population]
    sentences = [
        f"{population.name}: {population.description}; {fmt.plural(population.n, 'document')} of {population.length_bin}, "
        f"SHA-256 {population.digest}."
        for population in stated
    ]
    count = f"{fmt.count(len(stated))} of {fmt.plural(len(tests), 'deciding test')} name it."
    return Seen(
        Outcome.FOUND if len(stated) == len(tests) else Outcome.NOT_FOUND,
        (count, *some(sentences, "populations or lengths")),
        tuple(place for place, test in tests if test.population or len(stated) < len(tests)),
    )


def limits_documented(report: Report) -> Seen:
    """Whether the report states its limits."""
    place = Pointer(where="limits of the report", path="/limits")
    if not report.limits:
        return Seen(Outcome.NOT_FOUND, ("The report states no limits.",), (place,))
    stated = (
        "The report states one limit; it is"
        if len(report.limits) == 1
        else f"The report states {len(report.limits)} limits; all are"
    )
    return Seen(Outcome.FOUND, (f"{stated} printed below.",), (place,))


def coverage_documented(report: Report) -> Seen:
    """Whether every input is accounted for, also those that were not judged."""
    coverage = report.coverage
    place = Pointer(where="coverage of the report", path="/coverage")
    counts = (
        f"{fmt.plural(coverage.found, 'input')} found: {fmt.count(coverage.scored)} judged, "
        f"{fmt.count(coverage.not_assessable)} not assessable, {fmt.count(coverage.unreadable)} unreadable. What was not "
        "judged is not cleared."
    )
    complete = coverage.found == coverage.scored + coverage.not_assessable + coverage.unreadable
    return Seen(Outcome.FOUND if complete else Outcome.NOT_FOUND, (counts,), (place,))


def manifest_complete(report: Report) -> Seen:
    """The evidence that the report names all that is needed to repeat it: command, versions, digests of model and texts."""
    manifest = report.manifest
    wanted = {
        "the version of the tool": manifest.version,
        "the command": manifest.command,
        "the time": manifest.started,
        "the SHA-256 of the model": manifest.model and manifest.model.digest,
        "the versions of the packages": manifest.packages,
        "the number of threads": manifest.threads,
    }
    if manifest.population:
        wanted["the SHA-256 of the population"] = manifest.population_digest
    for document in report.documents:
        wanted[f"the SHA-256 of {document.name}"] = document.sha256
    missing = [name for name, value in wanted.items() if not value]
    place = Pointer(where="manifest of the report", path="/manifest")
    if missing:
        return Seen(Outcome.NOT_FOUND, some([f"Missing: {name}." for name in missing], "things missing"), (place,))
    return Seen(Outcome.FOUND, (f"Recorded: {', '.join(list(wanted)[:7])}, and that of every text.",), (place,))


def _deciding(report: Report) -> Iterator[tuple[Pointer, Result]]:
    """The tests that verdicts rest on, as far as they have a p-value."""
    for number, document in enumerate(report.documents):
        if document.combined and document.combined.p_value is not None:
            where = f"{document.name}, {document.combined.rule} {document.combined.name}"
            yield Pointer(where=where, path=f"/subjects/{number}/combined"), document.combined
    for number, test in enumerate(report.tests):
        if test.p_value is not None or test.e_value is not None:
            yield Pointer(where=f"{test.rule} {test.name}", path=f"/subjects/0/tests/{number}"), test


def _how_wrong(test: Result) -> str | None:
    """Sentence on how often a test rejects a true null; None: the report does not state it."""
    if test.false_positive_rate:
        return f"{fmt.false_alarms(test.false_positive_rate)}."
    if test.draws:
        return f"a p-value from its own reference distribution, valid under its null; {fmt.draws(test.draws, test.evidence)}."
    if test.e_value is not None:
        return "an e-value: under its null it exceeds 1/α with probability α at most."
    return None
