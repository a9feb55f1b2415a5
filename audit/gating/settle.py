"""From single texts to the outcome of a run: which findings count, the false discovery rate over the rest, what fails.

Pure, and of its own output it makes the same again: that is how `llm-audit verify` checks a report.

The family of tests is the different texts that could be judged and whose finding, if they have one, is not suppressed. Those
in the baseline stay out of it: they are true findings by and large, whose many rejections would raise the threshold for the
others, and the false discovery rate among the new findings would be kept no longer. Leaving them out keeps it: they are
chosen for small p-values, and those that stay are no smaller for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from llm_audit.detectors.input import unreadable
from llm_audit.detectors.integrity.conclude import conclude
from llm_audit.detectors.origin import generated
from llm_audit.detectors.rule import Terms as RuleTerms
from llm_audit.results import BaselineUse, Discovery, Document, Failure, Gated, GateOutcome, Suppression, Verdict
from llm_audit.results.discovery import Family, judge, summary
from llm_audit.stats.discovery import findings_needed

OPEN = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE})


@dataclass(frozen=True)
class Terms:
    """What the outcome rests on beside the texts; see `GateOutcome`."""

    alpha: float
    day: str
    inline_suppressions: bool = True
    baseline: BaselineUse | None = None
    changed_since: str | None = None
    left_out: int = 0


def settle(documents: Sequence[Document], terms: Terms) -> tuple[tuple[Document, ...], GateOutcome]:
    """The documents with their verdicts within this run, and what they come to.

    Args:
        documents: each with `gate` filled but for what follows from the others.
        terms: of the run.
    """
    settled = [_with_states(document, terms) for document in documents]
    tests = [None if document.suppressed(generated.rule.code) else document.combined for document in settled]
    family = judge(
        [nan if test is None or test.p_value is None else test.p_value for test in tests],
        [nan if test is None or test.p_floor is None else test.p_floor for test in tests],
        [_gated(document).text_digest or "" for document in settled],
        terms.alpha,
    )
    final = tuple(
        _failing(_decided(document, family, None if test is None else number))
        for number, (document, test) in enumerate(zip(settled, tests, strict=True))
    )
    return final, _outcome(final, family.discovery, terms)


def findings(document: Document) -> list[str]:
    """Codes of the rules that have a finding here, suppressed or not."""
    own = [generated.rule.code] if document.verdict is Verdict.FINDING else []
    return own + [result.rule for result in document.tampering]


def _with_states(document: Document, terms: Terms) -> Document:
    """Its suppressions, with what becomes of each. What there is to suppress is what would be found if it were judged alone."""
    gated = _gated(document)
    alone = {result.rule for result in document.tampering}
    if document.combined and document.combined.verdict is Verdict.FINDING:
        alone.add(generated.rule.code)

    def state(told: Suppression) -> str:
        if told.kind == "inline" and not terms.inline_suppressions:
            return "off"
        if told.until is not None and terms.day > told.until:
            return "expired"
        return "applied" if told.rule in alone else "unused"

    told = tuple(each.model_copy(update={"state": state(each)}) for each in gated.suppressions)
    return document.model_copy(update={"gate": gated.model_copy(update={"suppressions": told})})


def _decided(document: Document, family: Family, number: int | None) -> Document:
    """With its verdict: of the family, if it is in it; else as it was."""
    gated, combined = _gated(document), document.combined
    q = None
    if combined is not None:
        assert combined.p_value is not None
        if number is None:
            verdict, said = combined.verdict, _said_of_suppressed(combined.p_value, document.suppressed(generated.rule.code))
        else:
            q = float(family.q_value[number])
            verdict = family.verdict(number)
            said = _said(verdict, combined.p_value, q, combined.p_floor or 0.0, family.discovery)
        document = document.model_copy(update={"verdict": verdict, "summary": said})
        document = conclude(document, RuleTerms(family.discovery.alpha))
    return document.model_copy(update={"gate": gated.model_copy(update={"q_value": q})})


def _said(verdict: Verdict, p: float, q: float, floor: float, found: Discovery) -> str:
    among = "the only text of this run" if found.tests == 1 else f"among {found.tests:,} texts of this run"
    numbers = f"p = {p:.3g}, q = {q:.3g}, {among}"
    if verdict is Verdict.FINDING:
        return f"Unlike human writing of the population ({numbers})."
    if verdict is Verdict.PASS:
        return f"Not unusual enough to be found ({numbers}). That does not show that a person wrote it."
    needed = findings_needed(floor, found.tests, found.alpha)
    lacking = "the population is too small for that" if needed is None else f"it takes {needed:,} or more findings at a time"
    return f"Undecided ({numbers}): even its smallest possible p-value, {floor:.3g}, would not have been found; {lacking}."


def _said_of_suppressed(p: float, why: Suppression | None) -> str:
    assert why is not None
    known = "it is in the baseline" if why.kind == "baseline" else f"line {why.line} of the text says why it is not to count"
    return f"Unlike human writing of the population, judged by itself (p = {p:.3g}), and passed over: {known}."


def _failing(document: Document) -> Document:
    """With what it fails by."""
    gated, verdict = _gated(document), document.verdict
    failures = []
    if verdict in gated.fail_on and not (verdict is Verdict.FINDING and document.suppressed(generated.rule.code)):
        failures.append(
            Failure(rule=unreadable.rule.code if verdict is Verdict.ERROR else generated.rule.code, verdict=verdict)
        )
    if Verdict.FINDING in gated.fail_on:
        codes = [result.rule for result in document.tampering if not document.suppressed(result.rule)]
        failures += [Failure(rule=code, verdict=Verdict.FINDING) for code in codes]
    return document.model_copy(update={"gate": gated.model_copy(update={"failures": tuple(failures)})})


def _outcome(documents: Sequence[Document], discovery: Discovery, terms: Terms) -> GateOutcome:
    failed = sum(bool(_gated(document).failures) for document in documents)
    passed_over = [why for document in documents for code in findings(document) if (why := document.suppressed(code))]
    baseline = terms.baseline
    if baseline is not None:
        seen = {
            (_gated(document).text_digest, told.rule)
            for document in documents
            for told in _gated(document).suppressions
            if told.kind == "baseline"
        }
        baseline = baseline.model_copy(update={"unseen": baseline.entries - len(seen)})
    if not documents:
        said = "There was nothing to judge."
    else:
        texts = "1 text" if len(documents) == 1 else f"{len(documents):,} texts"
        unclear = sum(not _gated(one).failures and one.verdict in OPEN for one in documents)
        said = f"Failed: {failed:,} of {texts}" if failed else f"Passed: {texts}"
        said += f"; nothing can be said of {unclear:,}. " if unclear else ". "
        said += summary(discovery)
    return GateOutcome(
        summary=said,
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


def _gated(document: Document) -> Gated:
    assert document.gate is not None
    return document.gate
