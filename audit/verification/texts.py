"""Verification of what a report says of one text beside its tests: digest, size, curves, why it was not judged, notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from llm_audit.common.errors import AuditError
from llm_audit.common.templates import Template, known
from llm_audit.detectors import judging
from llm_audit.reports.wording import attribution as on_candidates
from llm_audit.reports.wording import limits, probing, unjudged
from llm_audit.reports.wording.integrity import of_marks
from llm_audit.results import Document, Report, Verdict
from llm_audit.results.documents import Tokens
from llm_audit.results.watermark_evidence import KeyedText, ProbedChoices, ProbedRepeats
from llm_audit.text.language import NO_PROSE
from llm_audit.verification.ledger import Ledger

NO_REASON = "Why a text was not judged was not compared: the version that wrote the report did not store the reason in a word."

_DIGEST = re.compile("[0-9a-f]{64}")


def of_text(path: str, document: Document, report: Report, ledger: Ledger) -> None:
    """Check all that a report states about one text and that follows from no test."""
    _digest(path, document, report, ledger)
    if report.question in (limits.WATERMARK, limits.PROBE):
        ledger.same(f"{path}.language", document.language, None)
    if report.question == limits.WATERMARK:
        _tokens(path, document, ledger)
    if document.sha256 is None:
        stated = [name for name in ("encoding", "characters", "tokens", "text", "facts") if getattr(document, name)]
        ledger.holds(f"{path}.{(stated or ['sha256'])[0]}", None, not stated, "is said of what is no text that was read")
    if report.question == limits.PROBE:
        _probed(path, document, ledger)
    if document.verdict is Verdict.ERROR:
        whys = (None, "unreadable", "empty", "too_long")
        ledger.holds(f"{path}.why_unjudged", document.why_unjudged, document.why_unjudged in whys, "is no reason of an error")
        if document.why_unjudged is None and NO_REASON not in ledger.notes:
            ledger.notes.append(NO_REASON)
    if document.combined is None and not document.attributions:
        silent = document.verdict in (Verdict.NOT_ASSESSABLE, Verdict.ERROR)
        tested = any(result.family in ("origin", "watermark") for result in document.results if result not in document.wanted)
        ledger.holds(f"{path}.verdict", document.verdict, silent and not tested, "rests on no test")
    if document.text is not None:
        ledger.same(f"{path}.characters", document.characters, len(document.text))
    for at, curves in _curves(path, document):
        lengths = {len(getattr(curves, name)) for name in type(curves).model_fields}
        ledger.holds(at, None, len(lengths) == 1, "has curves of different lengths")
        places = zip((0, *curves.start), curves.start, curves.end, strict=False)
        right = all(before <= start <= end <= document.characters for before, start, end in places)
        right &= list(curves.end) == sorted(curves.end)
        ledger.holds(at, None, right, "has tokens outside the text, or in another order")
    if document.trace is not None:
        ledger.same(f"{path}.trace", len(document.trace.start), document.tokens)
    _doubts(path, document, ledger)
    if document.why_unjudged is not None or _says_nothing(document):
        _unjudged(path, document, report.manifest.population, ledger)
    if document.attributions:
        _of_candidates(path, document, bool(report.manifest.candidates), ledger)


def _tokens(path: str, document: Document, ledger: Ledger) -> None:
    """Compare the tokens of a text with those of its first reading (with several tokenizers, no key may be of that), and the
    numbers of tests that share alpha with each other.
    """
    read = [result.evidence.readings for result in document.results if isinstance(result.evidence, KeyedText)]
    counts = {tests for result in document.results if isinstance(tests := getattr(result.evidence, "tests", None), int)}
    ledger.holds(f"{path}.results", None, len(counts) < 2, "share alpha with different numbers of tests")
    if read and not any(", by " in reading.reading for readings in read for reading in readings):
        ledger.same(f"{path}.tokens", document.tokens, read[0][0].tokens)


def _probed(path: str, document: Document, ledger: Ledger) -> None:
    """Check that the notes on an endpoint are ours, in their order, and that those are there which say what was not tested."""
    written = [template for note in document.notes for template in probing.NOTES if template.read(note) is not None]
    right = len(written) == len(document.notes) and written == [template for template in probing.NOTES if template in written]
    ledger.holds(f"{path}.notes", None, right, "are not those that llm-audit writes, in their order, each once")
    tested = [type(result.evidence) for result in document.results]
    if probing.NOBODY_ANSWERED in written:
        ledger.holds(f"{path}.notes", None, not tested, "say that nobody answered")
        return
    right = (probing.NO_CHOICES in written) == (ProbedChoices not in tested)
    unweighed = probing.NO_LOGPROBS in written or probing.NO_REPEATS in written
    right &= not (unweighed and ProbedRepeats in tested)
    ledger.holds(f"{path}.notes", None, right, "do not say what was not tested")


def _digest(path: str, document: Document, report: Report, ledger: Ledger) -> None:
    """Check that a text that was read has a digest, without which nothing else about it would be checked."""
    if document.sha256 is not None:
        ledger.holds(f"{path}.sha256", document.sha256, bool(_DIGEST.fullmatch(document.sha256)), "is no digest")
        return
    empty = document.gate is not None and not document.results and not document.characters
    without = document.verdict is Verdict.ERROR or report.question == limits.PROBE or empty
    ledger.holds(f"{path}.sha256", None, without, "is missing")


def _curves(path: str, document: Document) -> Iterator[tuple[str, Tokens]]:
    """The curves of a text and of its candidates, with their paths."""
    if document.trace is not None:
        yield f"{path}.trace", document.trace
    for number, candidate in enumerate(document.attributions):
        if candidate.trace is not None:
            yield f"{path}.attributions[{number}].trace", candidate.trace


def _doubts(path: str, document: Document, ledger: Ledger) -> None:
    """Check that what qualifies a verdict on the author stands beside one alone, and that the reason in a word follows it."""
    judged = document.combined is not None and document.combined.family == "origin" and not document.attributions
    shorter = document.gate is not None and document.why_unjudged is None  # than its policy asks: it was judged before
    compared = document.combined is not None and bool(document.attributions)  # a doubt bears on what candidates need of it
    for name in ("doubt", "omitted", "stretches"):
        stated = getattr(document, name)
        right = judged or shorter or stated is None or (compared and name == "doubt")
        ledger.holds(f"{path}.{name}", None, right, "is said of a text that was not judged")
    if document.combined is not None or document.attributions:
        doubtful = judged and document.combined is not None and document.combined.verdict is Verdict.FINDING
        ledger.same(f"{path}.why_unjudged", document.why_unjudged, document.doubt if doubtful else None)


def _says_nothing(document: Document) -> bool:
    """Whether a text could be read and has no test of who wrote it."""
    return (
        document.verdict is Verdict.NOT_ASSESSABLE
        and document.sha256 is not None
        and document.combined is None
        and not document.attributions
    )


def _unjudged(path: str, document: Document, population: str | None, ledger: Ledger) -> None:
    """Check the sentence that says why a text was not judged, and what else follows from the reason."""
    why = document.why_unjudged
    if not _says_nothing(document):
        return
    templates = NO_PROSE if why == "no_prose" else unjudged.REASONS.get(why, ()) if why else (unjudged.SHORTER_THAN_ASKED,)
    reason = unjudged.reason_of(document)
    stated = None if reason is None else known(reason, templates)
    if stated is None and why is None:
        if NO_REASON not in ledger.notes:
            ledger.notes.append(NO_REASON)
        return
    ledger.holds(f"{path}.summary", reason, stated is not None, "is no reason that llm-audit gives")
    for name, value in (stated or {}).items():
        if name == "tokens":
            ledger.same(f"{path}.tokens", None if document.tokens is None else str(document.tokens), value)
        elif name == "language":
            ledger.same(f"{path}.language", document.language, value)
        elif name == "population":
            ledger.same("manifest.population", population, value)


def _of_candidates(path: str, document: Document, stored: bool, ledger: Ledger) -> None:
    """Check the notes on a text that was compared with candidates: those after its reader's, which only the text tells.

    `stored`: whether the report names the candidates; earlier versions may have understood a name otherwise.
    """
    marks = of_marks(document.marks)
    others = document.notes[: len(document.notes) - len(marks)]
    ledger.same(f"{path}.notes", document.notes[len(others) :], marks)
    kinds = [_kind(note) for note in others]
    right = kinds == sorted(kinds) and all(kinds.count(kind) <= 1 for kind in kinds if kind)
    ledger.holds(f"{path}.notes", None, right, "are not in their order, each once")
    last = [note for note, kind in zip(others, kinds, strict=True) if kind]
    _compared(path, document, last, ledger)
    lengths = [len(tested.trace.start) for tested in document.attributions if tested.trace is not None]
    if lengths:
        ledger.same(f"{path}.tokens", document.tokens, max(lengths))
    if stored:
        ledger.same(f"{path}.notes", [note for note in last if _kind(note) > 1], list(_expected(document)))


def _kind(note: str) -> int:
    """Place, from 1, of a note's template among those that a run adds; 0: the text alone tells it."""
    templates = enumerate(on_candidates.OF_RUN, start=1)
    return next((place for place, template in templates if template.read(note) is not None), 0)


def _compared(path: str, document: Document, notes: list[str], ledger: Ledger) -> None:
    """Check that a note says why the text was not compared with human writing, if it was not, and that it is one of ours."""
    if document.combined is not None:
        stated = [note for note in notes if on_candidates.NOT_COMPARED_WITH_PEOPLE.read(note)]
        ledger.same(f"{path}.notes", stated, on_candidates.not_compared(document))
        return
    read = [fields for note in notes if (fields := on_candidates.NOT_COMPARED_WITH_PEOPLE.read(note))]
    reason = "do not say why there is no comparison with people"
    ledger.holds(f"{path}.notes", None, len(read) == 1, reason)
    sentences: tuple[Template, ...] = (*NO_PROSE, *chain.from_iterable(unjudged.REASONS.values()))
    for fields in read:
        reason_read = unjudged.reason_in(fields["summary"], document)
        values = None if reason_read is None else known(reason_read, sentences)
        ledger.holds(f"{path}.notes", fields["summary"], values is not None, "hold no reason of ours")
        if values is not None and "language" in values:
            ledger.same(f"{path}.language", document.language, values["language"])


def _expected(document: Document) -> Iterator[str]:
    """The notes that follow from the candidates' names, and from where their tokens end."""
    try:
        assumed = judging.order_assumed([tested.candidate for tested in document.attributions])
    except AuditError:  # of a name that is none, which is a mismatch already
        assumed = []
    if assumed:
        yield on_candidates.ORDER_ASSUMED.write(candidates=" and ".join(assumed))
    ends = [tested.trace.end[-1] for tested in document.attributions if tested.trace is not None and tested.trace.end]
    if ends and min(ends) < document.characters:
        yield on_candidates.BEGINNING_ALONE.write(characters=document.characters, tested=min(ends))
