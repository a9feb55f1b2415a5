"""Verification of notes on collections and endpoints: each must fit one of our templates and agree with the stored facts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from llm_audit.common.templates import Template, known, quoted
from llm_audit.endpoints import defects, positions, probe, wire
from llm_audit.reports.wording import notes as wording
from llm_audit.reports.wording.membership import ORDER_ALONE
from llm_audit.reports.wording.substitution import FIXED, QUESTIONS
from llm_audit.results import Asking, Conditions, Membership, Report, Substitution
from llm_audit.results.substitution_evidence import LOG_PROBABILITIES, Conformance, Discrepancy, OnlineRanks, RelativeRanks
from llm_audit.results.watermark_evidence import KeyedTraining
from llm_audit.text import lines
from llm_audit.verification.ledger import Ledger

UNKNOWN = "is no note that llm-audit writes"

NO_FACTS = (
    "The notes on the collection were compared with what they can say, and not with facts, which the version that wrote the "
    "report did not store."
)

NOT_STORED = (
    "How many notes there should be on single answers, and whether one on rounding, was not compared: the version that wrote "
    "the report did not store it."
)


def of_collection(path: str, subject: Membership, report: Report, ledger: Ledger) -> None:
    """Check the notes on a collection, which are written again from its conditions.

    A line or file that was left out is named by its note alone. There must be as many such notes as `coverage.unreadable`
    counts, and a file of JSON lines must be one that the manifest names.
    """
    conditions = subject.conditions or Conditions()
    inputs = report.manifest.inputs
    left_out = [note for note in subject.notes if is_left_out(note, inputs)]
    unreadable = report.coverage.unreadable
    named = f"name {len(left_out):,} lines or files that were left out, not {unreadable:,}"
    ledger.holds(path, None, len(left_out) == unreadable, named)
    templates, stored = _others(subject, conditions)
    if stored:
        ledger.same(path, subject.notes, wording.of_collection(conditions, left_out))
        return
    for number, note in enumerate(subject.notes):
        ledger.holds(f"{path}[{number}]", note, note in left_out or known(note, templates) is not None, UNKNOWN)
    ledger.notes.append(NO_FACTS)


def _others(subject: Membership, conditions: Conditions) -> tuple[Sequence[Template], bool]:
    """Templates of the other notes that a collection can have, and whether their facts are stored: not so up to 0.2.0."""
    if subject.gate is not None:
        return wording.OF_SIDES, conditions.copies is not None
    if any(test.name == ORDER_ALONE for test in subject.tests):
        return wording.OF_ROWS, conditions.repeated is not None
    if conditions.marked_contexts or conditions.unprompted is not None:
        return wording.OF_ANSWERS, conditions.unprompted is not None
    if any(isinstance(test.evidence, KeyedTraining) for test in subject.tests):
        return wording.OF_ANSWERS, conditions.unprompted is not None or conditions.model is not None
    return (), True


def is_left_out(note: str, inputs: Collection[str]) -> bool:
    """Whether a note reports a line or file that was left out. `inputs`: files that the manifest names."""
    for template in wording.MALFORMED:
        values = template.read(note)
        if values is None or known(values["fault"], (*lines.FAULTS, *wording.FAULTS)) is None:
            continue
        if template is wording.FILE or values["path"] in {name for path in inputs for name in (path, quoted(path))}:
            return True
    return False


def of_endpoint(path: str, subject: Substitution, ledger: Ledger) -> None:
    """Check the notes on an endpoint: on what was measured, then on single answers, all in their order.

    Notes that follow from stored facts must be there, and the facts in the others must agree with what is stored.
    """
    remarks: list[tuple[str, str]] = []
    for number, note in enumerate(subject.notes):
        at, on = f"{path}[{number}]", wording.ON_ANSWER.read(note)
        if on is None:
            ledger.holds(at, note, not remarks and known(note, wording.OF_ENDPOINT) is not None, UNKNOWN)
            continue
        request, defect = on["request"], on["defect"]
        ledger.holds(at, note, defect in wire.SENTENCES or known(defect, defects.SENTENCES) is not None, UNKNOWN)
        remarks.append((request, defect))
    templates = tuple(enumerate(wording.OF_ENDPOINT))
    places = [place for note in subject.notes for place, template in templates if template.read(note) is not None]
    ledger.holds(path, None, places == sorted(set(places)), "on what was measured are not in their order, each once")
    requests = [_place(request) for request, _ in remarks]
    ledger.holds(path, None, requests == sorted(requests), "on single answers are not in the order of the requests")
    counted = next((test.evidence for test in subject.tests if isinstance(test.evidence, Conformance)), None)
    if subject.asking is not None:
        _of_asking(path, subject, subject.asking, remarks, ledger)
    elif not subject.since:
        ledger.notes.append(NOT_STORED)
    if counted is not None:
        _of_answers(path, remarks, counted, ledger)
        _of_audit(path, subject, ledger)


def _place(request: str) -> tuple[bool, list[int]]:
    """Sort key of the name of a request: "question 12" comes before "text 3, draw 2"."""
    return request.startswith("text"), [int(number) for number in re.findall(r"\d+", request)]


def _of_asking(path: str, subject: Substitution, asking: Asking, remarks: Sequence[tuple[str, str]], ledger: Ledger) -> None:
    """Check that there are as many notes on single answers as were stored, sorted, and one on rounding if there was any."""
    ledger.holds(
        path, None, len(remarks) == asking.remarks, f"name {len(remarks):,} defects of answers, not {asking.remarks:,}"
    )
    keys = [(_place(request), defect) for request, defect in remarks]
    ledger.holds(path, None, keys == sorted(keys), "on one answer are not in alphabetical order")
    rounded = [note for note in subject.notes if wording.ROUNDED.read(note) is not None]
    expected = [wording.ROUNDED.write(nats=asking.rounded)] if asking.rounded else []
    ledger.holds(path, None, rounded == expected, "do not say to what the endpoint rounds its log-probabilities")
    binary = any(wording.OTHER_BASE.read(note) is not None for note in subject.notes)
    ledger.holds(path, None, binary == asking.binary, "do not say whether the endpoint's logarithms were converted to nats")


def _of_answers(path: str, remarks: Sequence[tuple[str, str]], counted: Conformance, ledger: Ledger) -> None:
    """Check that the notes on single answers, as (request, defect), concern as many as the conformance test counts.

    Requests for texts ask for no log-probabilities and are not counted.
    """
    kinds: dict[str, set[str]] = {}
    for request, defect in remarks:
        flaw = defects.FLAW.read(defect)
        kind = flaw["flaw"] if flaw else "mended" if defects.REPAIR.read(defect) else _OF_WHOLE_ANSWERS.get(defect, "")
        kinds.setdefault(kind, set()).update([request] if request.startswith("question") else ())
    if not counted.answers:  # no numbers were asked for, or an early version did not count
        return
    defective = set[str]().union(*(kinds.get(kind, ()) for kind in (*defects.FLAWS, positions.UNREADABLE)))
    stored = [("mended", len(kinds.get("mended", ())), counted.repaired), ("defective", len(defective), counted.defective)]
    for state, named, expected in stored:
        reason = f"name {named:,} answers with {state} numbers, not {expected or 0:,}"
        ledger.holds(path, None, expected is None or named == expected, reason)
    for entry in counted.flaws or ():
        named = len(kinds.get(entry.name, ()))
        ledger.holds(path, None, named == entry.answers, f"name {named:,} answers of which {entry.name}, not {entry.answers:,}")
    bare = len(kinds.get(wire.NO_LOGPROBS, ()))
    reason = f"name {bare:,} answers without log-probabilities, fewer than {counted.untold or 0:,}"
    ledger.holds(path, None, bare >= (counted.untold or 0), reason)


_OF_WHOLE_ANSWERS = {positions.NO_SHAPE: positions.UNREADABLE, wire.NO_LOGPROBS: wire.NO_LOGPROBS}


def _of_audit(path: str, subject: Substitution, ledger: Ledger) -> None:
    """Check, if any answers came, that all notes are there that tests, settings and probe require."""
    ranks = next((test.evidence for test in subject.tests if isinstance(test.evidence, OnlineRanks)), None)
    texts = any(isinstance(test.evidence, Discrepancy | RelativeRanks) for test in subject.tests)

    def noted(*templates: Template) -> bool:
        return any(known(note, templates) is not None for note in subject.notes)

    def same(template: Template | Sequence[Template], demanded: bool, message: str) -> None:
        """Compare whether one of these notes is there with whether it should be."""
        there = noted(*(template if isinstance(template, Sequence) else (template,)))
        ledger.holds(path, None, there == demanded, f"{'lack' if demanded else 'hold'} the note that {message}")

    same(wording.NOTHING_MEASURED, ranks is None, "says why no distances were measured")
    known_notes = subject.obstacle is None or known(subject.obstacle, wording.OF_ENDPOINT) is None
    ledger.holds(path, None, known_notes or subject.obstacle in subject.notes, "lack the one that the obstacle repeats")
    same_answers = _probed(subject, probe.REPEATED)
    if len(set(same_answers)) == 1:  # else it depends on the surface, which early versions did not store
        same(wording.DIFFERENT, same_answers[0] == "no", "repeats gave different texts")
    alternatives = set(_probed(subject, probe.ALTERNATIVES))
    wanted = fixed(subject).get("texts", "")  # "null": prompts for texts only where log-probabilities are hidden
    asked = int(wanted) > 0 if wanted.isdecimal() else subject.asking is not None and alternatives == {"0"}
    if texts or asked:
        lacking = not texts and not noted(wording.OTHER_VOCABULARY, wording.UNKNOWN_TOKENS, wording.OTHER_NAMES)
        same((wording.TOO_FEW_TEXTS, wording.NO_TEXTS), lacking, "too few prompts have all their texts, or none says anything")
    if ranks is None:
        return
    of_texts = ranks.measure != LOG_PROBABILITIES
    same(wording.NO_LOGPROBS, of_texts, "answers are compared by their texts alone")
    if not of_texts and alternatives == {"0"}:
        same(wording.NO_ALTERNATIVES, True, "the endpoint gives no alternatives")
    questions = next((fact.value for fact in subject.facts if fact.name == "Questions"), "")
    planned = QUESTIONS.read(questions)
    stopped = next((fields for note in subject.notes if (fields := wording.STOPPED.read(note)) is not None), None)
    if stopped is not None:
        stated = (stopped["asked"], stopped["planned"])
        right = stated == (str(ranks.asked), planned["audited"] if planned else stopped["planned"])
        ledger.holds(path, None, right, "state another number of requests than the test")
    elif planned is not None:
        complete = str(ranks.asked) == planned["audited"]
        ledger.holds(path, None, complete, f"lack the note that the audit stopped after {ranks.asked} requests")


def _probed(subject: Substitution, name: str) -> list[str]:
    """Values of a fact that the probe found for the surface that was asked or, if that is not stored, for all that answer."""
    surface = f"{subject.asking.surface.capitalize()}: " if subject.asking is not None else ""
    return [fact.value for fact in subject.capabilities if fact.name.startswith(surface) and fact.name.endswith(f": {name}")]


def fixed(subject: Substitution) -> dict[str, str]:
    """The settings that were fixed before the first request, by name."""
    stated = next((fact.value for fact in subject.facts if fact.name == FIXED), "")
    return dict(item.partition(": ")[::2] for item in stated.split(", "))
