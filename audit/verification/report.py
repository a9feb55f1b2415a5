"""Verification of a stored report as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llm_audit.common.errors import InvalidInput
from llm_audit.detectors.registry import described, shipped
from llm_audit.reports.wording import limits as wording
from llm_audit.results import (
    SCHEMA_VERSION,
    Benchmark,
    Corpus,
    Coverage,
    Document,
    Manifest,
    Membership,
    Report,
    Result,
    Subject,
    Substitution,
    Verdict,
)  # fmt: skip
from llm_audit.results.canonical import content_digest
from llm_audit.results.evidence import Settings
from llm_audit.results.read import place_of, read_content, subject_places, upgraded
from llm_audit.results.rules import FAMILIES
from llm_audit.scanning.results import report_of
from llm_audit.setup.manifest import seeds_of
from llm_audit.text.survey import left_on_purpose
from llm_audit.verification import files
from llm_audit.verification.corpus import benchmark, corpus
from llm_audit.verification.documents import document
from llm_audit.verification.gate import gate
from llm_audit.verification.ledger import Ledger, Mismatch
from llm_audit.verification.manifest import manifest as of_manifest
from llm_audit.verification.membership import membership
from llm_audit.verification.substitution import substitution
from llm_audit.verification.texts import of_text

NO_CANDIDATES = (
    "Whether all candidates are there, in the order in which they were named, was not compared: the version that wrote the "
    "report did not store it."
)


NO_COUNT = (
    "Whether all that was not read is named was not compared: the version that wrote the report did not store how much it was."
)


class _Written(float):
    """A float that remembers how it was written in JSON."""

    text: str

    def __new__(cls, text: str) -> _Written:
        number = super().__new__(cls, text)
        number.text = text
        return number


def verify(data: bytes, folder: Path, name: str = "The report", beside: Path | None = None) -> tuple[Ledger, Report | None]:
    """Check a stored report: derive again all that follows from its numbers, and list what differs.

    Args:
        data: of the file, JSON or JSON lines.
        folder: from which the report's inputs are named.
        name: what an error calls the report.
        beside: folder of the report, where those of a scan have their single documents; None: not known.

    Returns:
        The ledger, and the report; None instead of the report if a field has an impossible value, which is a mismatch.

    Raises:
        InvalidInput: the data is no report, or one that this version does not read.
    """
    content = read_content(data, name)
    ledger = Ledger()
    for path in _respelt(read_content(data, name, _Written)):
        ledger.mismatches.append(Mismatch(path, None, None, "is not written as llm-audit writes numbers"))
    stored = content.get("content_digest")
    if stored is None:
        ledger.cannot("content_digest", "the report has none: it was written by an earlier version")
    else:
        ledger.same("content_digest", stored, content_digest(content))
    try:
        report = Report.model_validate(upgraded(content))
    except ValidationError as error:
        if stored is None or stored == content_digest(content):
            raise InvalidInput(f"{name} cannot be verified: it does not fit this version: {_first(error, content)}.") from error
        ledger.mismatches += [
            Mismatch(place_of(detail["loc"], content), _json(detail["input"]), None, "is no value that the field can have")
            for detail in error.errors()
        ]
        return ledger, None
    try:
        early = content["schema_version"] != SCHEMA_VERSION
        _recompute(report, subject_places(content), (folder, beside), ledger, early=early)
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
        ZeroDivisionError,
        AssertionError,
        MemoryError,
    ) as error:
        ledger.mismatches.append(Mismatch("evidence", None, None, f"cannot be what was measured ({error})"))
    return ledger, report


def _recompute(
    report: Report, places: Sequence[str], folders: tuple[Path, Path | None], ledger: Ledger, *, early: bool
) -> None:
    """Compute again, or compare, every value of a report that follows from others: of each subject, then of the whole.

    Args:
        report: as stored.
        places: path of each subject.
        folders: of the inputs, and of the report.
        ledger: receives the outcome.
        early: whether an earlier version wrote the report, which had fewer rules.
    """
    manifest, find, (inputs, beside) = report.manifest, files.finder(), folders
    for place, subject in zip(places, report.subjects, strict=True):
        _complete(place, subject, manifest, ledger)
        match subject:
            case Document():
                if not early:
                    _in_order(place, subject, manifest, ledger)
                    _inspected(place, subject, ledger, all_rules=report.gate is None)  # a policy may leave some out
                    of_text(place, subject, report, ledger)
                document(place, subject, manifest, ledger, find)
            case Membership():
                membership(place, subject, report, ledger)
            case Substitution():
                substitution(place, subject, manifest, ledger)
            case Corpus():
                corpus(place, subject, manifest, beside, ledger)
            case Benchmark():
                benchmark(place, subject, manifest, ledger)
    if report.question not in wording.LIMITS:
        ledger.holds("question", report.question, False, "is none that llm-audit asks")
    else:
        _about(report, ledger)
    if report.question == wording.ATTRIBUTION and not manifest.candidates:
        ledger.notes.append(NO_CANDIDATES)
    ledger.same("manifest.seeds", manifest.seeds, seeds_of(report))
    if not early:
        of_manifest(report, ledger)
    limits = tuple(wording.EARLIER.get(limit, limit) for limit in report.limits)
    ledger.same("limits", limits, wording.limits(report, described))
    _not_read(report, ledger)
    if report.gate is not None:
        gate(report, report.gate, places, ledger)
    counted = report.not_read if report.coverage.not_read is not None else ()
    if report.documents or not report.subjects:
        ledger.same("coverage", report.coverage, Coverage.of(report.documents, counted))
    elif report.corpus is not None:
        ledger.same("coverage", report.coverage, report_of(report.corpus, manifest, counted).coverage)
    elif report.substitution is not None:
        ledger.same("coverage", report.coverage, Coverage.of_endpoint(report.substitution))
    else:
        stated = report.coverage
        ledger.same("coverage.found", stated.found, stated.scored + stated.not_assessable + stated.unreadable)
        ledger.same("coverage.not_read", stated.not_read, Coverage.entries(report.not_read))
    files.inputs(report, places, inputs, ledger, find)
    files.models(manifest, ledger)


def _not_read(report: Report, ledger: Ledger) -> None:
    """Check the counts of entries that were not read: their order, their kinds, and whether they were left out on purpose."""
    passed = [(-kind.count, kind.kind, kind.on_purpose) for kind in report.not_read]
    ledger.holds("not_read", None, passed == sorted(set(passed)), "are not in their order, each once")
    for number, entry in enumerate(report.not_read):
        on_purpose = left_on_purpose(entry.kind)
        ledger.holds(f"not_read[{number}].kind", entry.kind, on_purpose is not None, "is no kind of entries")
        ledger.holds(f"not_read[{number}].on_purpose", entry.on_purpose, on_purpose in (None, entry.on_purpose), "is wrong")
    folders = report.question not in (wording.MEMBERSHIP, wording.SUBSTITUTION, wording.PROBE, wording.BENCHMARK)
    ledger.holds("not_read", None, folders or not passed, "are counted, although no folder was read")
    if passed and report.coverage.not_read is None:
        ledger.notes.append(NO_COUNT)


ONE: dict[str, type] = {
    wording.MEMBERSHIP: Membership,
    wording.SUBSTITUTION: Substitution,
    wording.SCAN: Corpus,
    wording.BENCHMARK: Benchmark,
}
"""Question of a report -> kind of its single subject; all other questions are about documents."""


def _about(report: Report, ledger: Ledger) -> None:
    """Check that the subjects of the report are of the kind that its question asks about."""
    kind = ONE.get(report.question, Document)
    right = all(isinstance(subject, kind) for subject in report.subjects)
    several = len(report.subjects) if kind is Document else 1
    ledger.holds("subjects", None, right and len(report.subjects) == several, "are not what the question asks about")


def _complete(place: str, subject: Subject, manifest: Manifest, ledger: Ledger) -> None:
    """Check that the results of all rules that the manifest names are there, in order: an omission would hide the most."""
    ran = manifest.detectors
    if isinstance(subject, Document):
        if subject.combined is not None and subject.combined.family == "origin" and not subject.attributions:
            counted = {*ran, *getattr(subject.combined.evidence, "rules", ())}  # not the text as given
            codes = [result.rule for result in subject.results if result.family == "origin" and result.rule in counted]
            asked = [code for code in ran if FAMILIES.get(code[3:4]) == "origin"]  # which watermark checks, the policy says
            ledger.same(f"{place}.results", codes, asked)
    elif isinstance(subject, Membership | Substitution):
        tested = [test.rule for test in subject.tests]
        ledger.holds(f"{place}.tests", None, tested == sorted(tested), "are not in the order of their rules")
        rules = set(tested)
        if isinstance(subject, Membership):
            rules |= {separation.rule for separation in subject.separations} | ({subject.gate.code} if subject.gate else set())
            whole = bool(subject.separations or not subject.texts)
        else:
            whole = bool(subject.tests)  # a comparison that could not be made names its test all the same
        ledger.holds("manifest.detectors", None, list(ran) == sorted(set(ran)), "are not in their order, each once")
        if whole:
            missing = [code for code in ran if code not in rules]
            ledger.holds(f"{place}.tests", None, not missing, f"lack {', '.join(missing)}, which the manifest names")
        unnamed = sorted(rules.difference(ran))
        ledger.holds("manifest.detectors", None, not unnamed, f"lack {', '.join(unnamed)}, of which there are results")


def _in_order(place: str, document: Document, manifest: Manifest, ledger: Ledger) -> None:
    """Check that the results of a text stand family by family, and within one by the manifest's detectors, rule and key."""
    asked = document.combined.family if document.combined else "origin"
    families = (asked, "origin", "integrity", "watermark")

    def place_of_result(result: Result) -> tuple[int, int, str, str]:
        family = families.index(result.family) if result.family in families else len(families)
        if result.rule in manifest.detectors and result.family == "origin":
            return family, manifest.detectors.index(result.rule), "", ""
        if family == 0 and asked == "watermark":  # `conclude` gives them their order
            return family, 0, "", ""
        return family, len(manifest.detectors), result.rule, getattr(result.evidence, "key", "")

    places = [place_of_result(result) for result in document.results]
    ledger.holds(f"{place}.results", None, places == sorted(places), "are not in the order of their families and rules")
    once = [(result.rule, result.name) for result in document.results if result not in document.wanted]
    ledger.holds(f"{place}.results", None, len(set(once)) == len(once), "hold two of one rule")


def _inspected(place: str, document: Document, ledger: Ledger, *, all_rules: bool) -> None:
    """Check that all our integrity rules were applied to a text, and all tests to each candidate with a known prompt.

    An unread input must have no notes.
    """
    if document.verdict is Verdict.ERROR and document.sha256 is None:
        ledger.same(f"{place}.notes", document.notes, ())
    if document.verdict is Verdict.ERROR or document.sha256 is None or not all_rules:
        return
    lists = [(f"{place}.results", "integrity", document.integrity)]
    lists += [
        (f"{place}.attributions[{number}].tests", "attribution", candidate.tests)
        for number, candidate in enumerate(document.attributions)
        if isinstance(candidate.evidence, Settings)
    ]
    for path, family, results in lists:
        codes = [result.rule for result in results]
        ledger.holds(path, None, codes == sorted(set(codes)), "are not in the order of their rules, each once")
        missing = [rule.code for rule in shipped(family) if rule.measure is not None and rule.code not in codes]
        ledger.holds(path, None, not missing, f"lack {', '.join(missing)}")


def _respelt(value: Any, path: str = "") -> Iterator[str]:
    """Paths of numbers that are not written in the shortest form."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _respelt(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, element in enumerate(value):
            yield from _respelt(element, f"{path}[{number}]")
    elif isinstance(value, _Written) and repr(float(value)) != value.text:
        yield path


def _first(error: ValidationError, content: dict[str, Any]) -> str:
    detail = error.errors()[0]
    return f"{place_of(detail['loc'], content)}: {detail['msg']}"


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else None
