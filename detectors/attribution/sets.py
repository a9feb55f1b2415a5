"""The sets of sanctioned and of other models, and the verdict on a text. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_audit.detectors.attribution.base import e_value
from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.refutation import needed
from llm_audit.reports.wording import attribution as wording
from llm_audit.results import Attribution, Authorship, Document, SetAttribution, Verdict


def human_p_value(document: Document) -> float | None:
    """The p-value against "a person wrote it"; None if the text could not be compared, or if a small one would say nothing."""
    return document.combined.p_value if document.combined and document.doubt is None else None


def could_have_written(role: str, document: Document, alpha: float) -> bool:
    """Whether "a member of the set wrote it" lacks nothing but likelihood ratios against each candidate outside."""
    human, judged = human_p_value(document), document.attributions
    p_values = [attribution.p_value for attribution in judged if attribution.role == role]
    return (
        all(attribution.verdict is Authorship.NOT_WRITTEN_BY for attribution in judged if attribution.role != role)
        and human is not None
        and human <= alpha
        and any(p is not None and p > alpha for p in p_values)
    )


def concluded(stored: SetAttribution, document: Document, alpha: float) -> SetAttribution:
    """The set with its verdict. It is refuted if every member is; its e-value is the smallest of theirs."""
    members = [member for member in document.attributions if member.role == stored.role]
    evidence = stored.evidence

    def of(verdict: Authorship, reason: str, **numbers: Any) -> SetAttribution:
        return SetAttribution(
            role=stored.role,
            members=tuple(member.candidate for member in members),
            null=wording.null_of_set(stored.role),
            verdict=verdict,
            reason=reason,
            **numbers,
        )

    for member in members:
        if member.p_value is None:
            return of(Authorship.NOT_ASSESSABLE, wording.set_untested(member))
    p = max(member.p_value or 0.0 for member in members)
    numbers: dict[str, Any] = {
        "p_value": p,
        "e_value": e_value(least(evidence.against)) if evidence else None,
        "evidence": evidence,
    }
    if all(member.verdict is Authorship.NOT_WRITTEN_BY for member in members):
        return of(Authorship.NOT_WRITTEN_BY, wording.set_refuted(stored.role, p), **numbers)
    if evidence and evidence.outside and could_have_written(stored.role, document, alpha):
        against, human = least(evidence.outside), human_p_value(document)
        if against >= needed(1, alpha) and human is not None:
            return of(Authorship.WRITTEN_BY, wording.set_attributed(p, against, human), **numbers)
    return of(Authorship.UNDECIDED, wording.set_undecided(stored.role), **numbers)


def of_text(judged: Sequence[Attribution], sets: Sequence[SetAttribution]) -> Verdict:
    """The document's verdict. A finding: no sanctioned model wrote it."""
    for candidate_set in sets:
        if candidate_set.role == "sanctioned":
            return _OF_SANCTIONED[candidate_set.verdict]
    verdicts = {candidate.verdict for candidate in judged}
    if Authorship.WRITTEN_BY in verdicts or verdicts == {Authorship.NOT_WRITTEN_BY}:
        return Verdict.PASS
    return Verdict.NOT_ASSESSABLE if verdicts == {Authorship.NOT_ASSESSABLE} else Verdict.INCONCLUSIVE


_OF_SANCTIONED = {
    Authorship.NOT_WRITTEN_BY: Verdict.FINDING,
    Authorship.WRITTEN_BY: Verdict.PASS,
    Authorship.UNDECIDED: Verdict.INCONCLUSIVE,
    Authorship.NOT_ASSESSABLE: Verdict.NOT_ASSESSABLE,
}
