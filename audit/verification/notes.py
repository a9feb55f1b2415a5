"""Notes on collections and endpoints: whether a template of ours writes each, and whether it agrees with what is stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llm_audit.common.templates import Template, known, quoted
from llm_audit.endpoints import defects, positions, wire
from llm_audit.reports.wording import notes as wording
from llm_audit.reports.wording.membership import ORDER_ALONE
from llm_audit.results import Conditions, Membership, Report, Substitution
from llm_audit.results.substitution_evidence import Conformance, OnlineRanks
from llm_audit.results.watermark_evidence import KeyedTraining
from llm_audit.text import lines
from llm_audit.verification.ledger import Ledger

UNKNOWN = "is no note that llm-audit writes"

NO_FACTS = (
    "The notes on the collection were compared with what they can say, and not with facts, which the version that wrote the "
    "report did not store."
)


def of_collection(path: str, found: Membership, report: Report, ledger: Ledger) -> None:
    """The notes on a collection, written again from its conditions.

    A line or file that was left out is named by its note alone. There must be as many such notes as `coverage.unreadable`
    counts, and a file of JSON lines must be one that the manifest names.
    """
    conditions = found.conditions or Conditions()
    inputs = report.manifest.inputs
    left_out = [note for note in found.notes if is_left_out(note, inputs)]
    unreadable = report.coverage.unreadable
    named = f"name {len(left_out):,} lines or files that were left out, not {unreadable:,}"
    ledger.holds(path, None, len(left_out) == unreadable, named)
    templates, stored = _others(found, conditions)
    if stored:
        ledger.same(path, found.notes, wording.of_collection(conditions, left_out))
        return
    for number, note in enumerate(found.notes):
        ledger.holds(f"{path}[{number}]", note, note in left_out or known(note, templates) is not None, UNKNOWN)
    if len(found.notes) > len(left_out):
        ledger.notes.append(NO_FACTS)


def _others(found: Membership, conditions: Conditions) -> tuple[Sequence[Template], bool]:
    """Templates of the other notes that a collection can have, and whether their facts are stored: not so up to 0.2.0."""
    if found.gate is not None:
        return wording.OF_SIDES, conditions.copies is not None
    if any(test.name == ORDER_ALONE for test in found.tests):
        return wording.OF_ROWS, conditions.repeated is not None
    if conditions.marked_contexts or conditions.unprompted is not None:
        return wording.OF_ANSWERS, conditions.unprompted is not None
    if any(isinstance(test.evidence, KeyedTraining) for test in found.tests):
        return wording.OF_ANSWERS, conditions.unprompted is not None or conditions.model is not None
    return (), True


def is_left_out(note: str, inputs: Collection[str]) -> bool:
    """Whether a note says of a line or file that it was left out. `inputs`: files that the manifest names."""
    for template in wording.MALFORMED:
        values = template.read(note)
        if values is None or known(values["fault"], (*lines.FAULTS, *wording.FAULTS)) is None:
            continue
        if template is wording.FILE or values["path"] in {name for path in inputs for name in (path, quoted(path))}:
            return True
    return False


def of_endpoint(path: str, found: Substitution, ledger: Ledger) -> None:
    """The notes on an endpoint: on what was measured, then on single answers, as many as the tests count."""
    evidence = [test.evidence for test in found.tests]
    counted = next((each for each in evidence if isinstance(each, Conformance)), None)
    distances = next((each for each in evidence if isinstance(each, OnlineRanks)), None)
    repaired, defective, answers = set[str](), set[str](), False
    for number, note in enumerate(found.notes):
        at, on = f"{path}[{number}]", wording.ON_ANSWER.read(note)
        if on is None:
            ledger.holds(at, note, not answers and known(note, wording.OF_ENDPOINT) is not None, UNKNOWN)
            if (stopped := wording.STOPPED.read(note)) is not None:
                asked = str(distances.asked) if distances else "none"
                ledger.holds(at, note, stopped["asked"] == asked, "states another number of requests than its test")
            continue
        answers = True
        request, said = on["request"], on["defect"]
        ledger.holds(at, note, said in wire.SENTENCES or known(said, defects.SENTENCES) is not None, UNKNOWN)
        if request.startswith("question"):  # texts are asked for without numbers, and counted nowhere
            if defects.REPAIR.read(said) is not None:
                repaired.add(request)
            elif said == positions.NO_SHAPE or said not in wire.SENTENCES:
                defective.add(request)
    if counted is not None and counted.answers:  # else no numbers were asked for
        for what, named, stored in (("mended", repaired, counted.repaired), ("defective", defective, counted.defective)):
            reason = f"name {len(named):,} answers with {what} numbers, not {stored or 0:,}"
            ledger.holds(path, None, stored is None or len(named) == stored, reason)
