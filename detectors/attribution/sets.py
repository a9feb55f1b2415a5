"""The sanctioned and the other models as sets, and the one sentence about a text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_audit.detectors.attribution.base import e_value
from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.refutation import needed
from llm_audit.results import Attribution, Authorship, Document, SetAttribution, Verdict

TITLES = {"sanctioned": "sanctioned models", "other": "other models"}


def human_p_value(document: Document) -> float | None:
    """Against "a person wrote it"; None if the text could not be compared."""
    return document.combined.p_value if document.combined else None


def could_have_written(role: str, document: Document, alpha: float) -> bool:
    """Whether all that is missing for "a member of the set wrote it" are likelihoods against each candidate outside."""
    human, judged = human_p_value(document), document.attributions
    p_values = [one.p_value for one in judged if one.role == role]
    return (
        all(one.verdict is Authorship.NOT_WRITTEN_BY for one in judged if one.role != role)
        and human is not None
        and human <= alpha
        and any(p is not None and p > alpha for p in p_values)
    )


def concluded(stored: SetAttribution, document: Document, alpha: float) -> SetAttribution:
    """A set with what follows from its members. Refuted if every member is; its e-value is the smallest of theirs."""
    members = [one for one in document.attributions if one.role == stored.role]
    title, evidence = TITLES[stored.role], stored.evidence

    def found(verdict: Authorship, reason: str, **numbers: Any) -> SetAttribution:
        return SetAttribution(
            role=stored.role,
            members=tuple(one.candidate for one in members),
            null=f"One of the {title} wrote the text.",
            verdict=verdict,
            reason=reason,
            **numbers,
        )

    for one in members:
        if one.p_value is None:
            return found(Authorship.NOT_ASSESSABLE, f"{one.candidate} could not be tested. {one.reason}")
    p = max(one.p_value or 0.0 for one in members)
    numbers: dict[str, Any] = {
        "p_value": p,
        "e_value": e_value(least(evidence.against)) if evidence else None,
        "evidence": evidence,
    }
    if all(one.verdict is Authorship.NOT_WRITTEN_BY for one in members):
        return found(
            Authorship.NOT_WRITTEN_BY, f"Each of the {title} is refuted (the least refuted with p = {p:.2g}).", **numbers
        )
    if evidence and evidence.outside and could_have_written(stored.role, document, alpha):
        against = least(evidence.outside)
        if against >= needed(1, alpha):
            return found(
                Authorship.WRITTEN_BY,
                f"Not refuted (p = {p:.2g}); every candidate outside the set is (e-values from e^{against:.1f}), and the text "
                f"is unlike human writing (p = {human_p_value(document):.2g}).",
                **numbers,
            )
    return found(Authorship.UNDECIDED, f"Not each of the {title} is refuted, and none is attributed.", **numbers)


def summary(judged: Sequence[Attribution], sets: Sequence[SetAttribution]) -> tuple[Verdict, str]:
    """The document's verdict and its sentence. A finding: no sanctioned model wrote it."""
    by = {verdict: [one.candidate for one in judged if one.verdict is verdict] for verdict in Authorship}
    refuted, open_ = by[Authorship.NOT_WRITTEN_BY], by[Authorship.UNDECIDED]
    verdict = Verdict.INCONCLUSIVE
    if by[Authorship.WRITTEN_BY]:
        verdict, sentence = Verdict.PASS, f"Of the named candidates only {by[Authorship.WRITTEN_BY][0]} fits."
    elif len(refuted) == len(judged):
        verdict = Verdict.PASS
        sentence = "Not written by any of the candidates under the stated conditions. That does not say who or what wrote it."
    elif len(by[Authorship.NOT_ASSESSABLE]) == len(judged):
        verdict, sentence = Verdict.NOT_ASSESSABLE, f"Not assessable. {judged[0].reason}"
    elif open_:
        sentence = f"Undecided: {_list(open_)} cannot be ruled out."
    else:
        sentence = f"Undecided: {_list(by[Authorship.NOT_ASSESSABLE])} could not be assessed."
    if refuted and len(refuted) < len(judged):
        sentence += f" Not written by {_list(refuted)} under the stated conditions."
    for one in sets:
        if one.role == "sanctioned":
            verdict, about = _SANCTIONED[one.verdict]
            sentence = f"{about} {sentence}"
    return verdict, sentence


_SANCTIONED = {
    Authorship.NOT_WRITTEN_BY: (Verdict.FINDING, "No sanctioned model wrote it under the stated conditions."),
    Authorship.WRITTEN_BY: (Verdict.PASS, "A sanctioned model wrote it, as far as the named candidates go."),
    Authorship.UNDECIDED: (Verdict.INCONCLUSIVE, "Whether a sanctioned model wrote it is undecided."),
    Authorship.NOT_ASSESSABLE: (Verdict.NOT_ASSESSABLE, "Whether a sanctioned model wrote it could not be assessed."),
}


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
