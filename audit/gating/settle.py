"""From single documents to the outcome of a run: which findings count, the false discovery rate over them, what fails.

A pure, idempotent function: `llm-audit verify` applies it to its own output to check a report.

The family of tests is the distinct texts that could be judged and have no suppressed finding. Texts in the baseline are left
out. For texts without a finding: they were tested in the run that wrote the baseline, and they are recognised by content,
not by p-value. For texts with one: most are true findings, whose many rejections would raise the threshold for the others,
so that the false discovery rate among the new findings would no longer be controlled. Leaving them out controls it: they
are chosen for small p-values, and that does not make the remaining p-values smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from llm_audit.detectors.input import unreadable
from llm_audit.detectors.integrity.conclude import conclude
from llm_audit.detectors.origin import generated
from llm_audit.detectors.origin.conclude import of_whole
from llm_audit.detectors.rule import Terms as RuleTerms
from llm_audit.reports.wording import gate as wording
from llm_audit.reports.wording.results import outcome, with_objections
from llm_audit.results import BaselineUse, Discovery, Document, Failure, Gated, GateOutcome, Suppression, Verdict
from llm_audit.results.discovery import Judged, judge, rows_of
from llm_audit.stats.discovery import findings_needed

OPEN = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE})


@dataclass(frozen=True)
class Terms:
    """Settings of a run that apply to all its texts; see `GateOutcome`."""

    alpha: float
    day: str
    inline_suppressions: bool = True
    baseline: BaselineUse | None = None
    changed_since: str | None = None
    left_out: int = 0


def settle(documents: Sequence[Document], terms: Terms) -> tuple[tuple[Document, ...], GateOutcome]:
    """The documents with their verdicts within this run, and the outcome of the gate.

    Args:
        documents: each with `gate` filled in except what depends on the other texts.
        terms: of the run.
    """
    settled = [_with_states(document, terms) for document in documents]
    tests = [_test(document) for document in settled]
    numbers = dict[str, int]()  # of the different texts
    rows = rows_of(
        [p for p, _ in tests],
        [floor for _, floor in tests],
        [numbers.setdefault(_gated(document).text_digest or "", len(numbers)) for document in settled],
        np.arange(len(settled)),
    )
    family = judge([rows], terms.alpha)
    final = tuple(
        _failing(_decided(document, family.discovery, judged)) for document, judged in zip(settled, family, strict=True)
    )
    return final, _outcome(final, family.discovery, terms)


def _test(document: Document) -> tuple[float, float]:
    """The p-value and the floor with which a text counts among all of the run; nan: it does not."""
    passed_over = document.doubt or _gated(document).known or document.suppressed(generated.rule.code)
    combined = document.combined
    if passed_over or combined is None or combined.p_value is None or combined.p_floor is None:
        return nan, nan
    return combined.p_value, combined.p_floor


def with_marks(document: Document) -> Document:
    """The document with the policy's objections to its watermarks added to its summary."""
    objections = [result for result in document.wanted if result.verdict is not Verdict.PASS]
    return document.model_copy(update={"summary": with_objections(document, objections)}) if objections else document


def findings(document: Document) -> list[str]:
    """Codes of the rules that have a finding here, suppressed or not."""
    codes = [generated.rule.code] if document.verdict is Verdict.FINDING else []
    return codes + [result.rule for result in document.objections]


def _with_states(document: Document, terms: Terms) -> Document:
    """The document with the state of each suppression; one is used if its rule has a finding in the text judged alone."""
    gated = _gated(document)
    alone = {result.rule for result in document.objections}
    if document.combined and document.combined.verdict is Verdict.FINDING:
        alone.add(generated.rule.code)

    def state(suppression: Suppression) -> str:
        if suppression.state == "not_obeyed":
            return suppression.state
        if suppression.kind == "inline" and not terms.inline_suppressions:
            return "off"
        if suppression.until is not None and terms.day > suppression.until:
            return "expired"
        return "applied" if suppression.rule in alone else "unused"

    settled = tuple(suppression.model_copy(update={"state": state(suppression)}) for suppression in gated.suppressions)
    return document.model_copy(update={"gate": gated.model_copy(update={"suppressions": settled})})


def _decided(document: Document, tested: Discovery, judged: Judged) -> Document:
    """The document with its verdict within the run: by its q-value if it is in the family of tests, else as judged alone."""
    gated, combined = _gated(document), document.combined
    q = None
    if combined is not None:
        assert combined.p_value is not None
        why = document.suppressed(generated.rule.code)
        if gated.known and not why:
            verdict, sentence = _known(document, combined.p_value)
        elif judged.q_value is None and document.doubt:
            verdict, sentence = combined.verdict, outcome(combined)
        elif judged.q_value is None:
            assert why is not None
            verdict, sentence = combined.verdict, wording.passed_over(combined.p_value, why)
        else:
            assert judged.verdict is not None
            q, verdict, floor = judged.q_value, judged.verdict, combined.p_floor or 0.0
            needed = findings_needed(floor, tested.tests, tested.alpha)
            sentence = wording.of_text(verdict, (combined.p_value, q, floor), tested, needed)
        verdict, sentence = of_whole(document, verdict, sentence)
        document = document.model_copy(update={"verdict": verdict, "summary": sentence})
        document = conclude(document, RuleTerms(tested.alpha))
        document = with_marks(document)
    return document.model_copy(update={"gate": gated.model_copy(update={"q_value": q})})


def _known(document: Document, p: float) -> tuple[Verdict, str]:
    """The verdict and the sentence of a text that the baseline knows without a finding: that it passed, only if it did."""
    if document.doubt and document.combined and _gated(document).known_passed is not None:
        return document.combined.verdict, outcome(document.combined)
    if _gated(document).known_passed is False:
        return Verdict.INCONCLUSIVE, wording.known_undecided(p)
    return Verdict.PASS, wording.known(p)


def _failing(document: Document) -> Document:
    """The document with the reasons why it fails."""
    gated, verdict = _gated(document), document.verdict
    failures = []
    if (
        verdict in gated.fail_on
        and not ((gated.known or document.why_unjudged == "not_asked") and verdict in OPEN)
        and not (verdict is Verdict.FINDING and document.suppressed(generated.rule.code))
    ):
        failures.append(
            Failure(rule=unreadable.rule.code if verdict is Verdict.ERROR else generated.rule.code, verdict=verdict)
        )
    if Verdict.FINDING in gated.fail_on:
        codes = [result.rule for result in document.objections if not document.suppressed(result.rule)]
        failures += [Failure(rule=code, verdict=Verdict.FINDING) for code in codes]
    failures += [
        Failure(rule=result.rule, verdict=result.verdict)
        for result in document.wanted
        if result.verdict in OPEN and result.verdict in gated.fail_on
    ]
    return document.model_copy(update={"gate": gated.model_copy(update={"failures": tuple(failures)})})


def _outcome(documents: Sequence[Document], discovery: Discovery, terms: Terms) -> GateOutcome:
    failed = sum(bool(_gated(document).failures) for document in documents)
    passed_over = [why for document in documents for code in findings(document) if (why := document.suppressed(code))]
    baseline = terms.baseline
    if baseline is not None:
        seen = {
            (_gated(document).text_digest, suppression.rule)
            for document in documents
            for suppression in _gated(document).suppressions
            if suppression.kind == "baseline"
        }
        baseline = baseline.model_copy(update={"unseen": baseline.entries - len(seen)})
    unclear = sum(not _gated(document).failures and document.verdict in OPEN for document in documents)
    known = sum(_is_known(document) for document in documents)
    return GateOutcome(
        summary=wording.outcome(len(documents), failed, unclear, known, discovery),
        failed=failed,
        suppressed=sum(why.kind == "inline" for why in passed_over),
        baselined=sum(why.kind == "baseline" for why in passed_over),
        discovery=discovery,
        day=terms.day,
        inline_suppressions=terms.inline_suppressions,
        baseline=baseline,
        changed_since=terms.changed_since,
        left_out=terms.left_out,
    )


def _is_known(document: Document) -> bool:
    why = document.suppressed(generated.rule.code)
    return bool(_gated(document).known) or (why is not None and why.kind == "baseline")


def _gated(document: Document) -> Gated:
    assert document.gate is not None
    return document.gate
