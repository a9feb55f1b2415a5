"""The sanctioned and the other models as sets, and the one sentence about a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from llm_audit.detectors.attribution.judge import e_value, least, needed
from llm_audit.detectors.attribution.known import human_p_value
from llm_audit.detectors.attribution.text import Text
from llm_audit.results import Attribution, Authorship, SetAttribution, Verdict
from llm_audit.results.evidence import Members

TITLES = {"sanctioned": "sanctioned models", "other": "other models"}


def judge_set(
    text: Text, role: Literal["sanctioned", "other"], judged: Sequence[Attribution], alpha: float
) -> SetAttribution | None:
    """Null: one of the set wrote it. Refuted if every member is; its e-value is the smallest of theirs."""
    members = [i for i, author in enumerate(text.authors) if author.role == role]
    if not members:
        return None

    def found(verdict: Authorship, reason: str, **numbers: Any) -> SetAttribution:
        return SetAttribution(
            role=role,
            members=tuple(text.authors[i].name for i in members),
            null=f"One of the {TITLES[role]} wrote the text.",
            verdict=verdict,
            reason=reason,
            **numbers,
        )

    for i in members:
        if judged[i].p_value is None:
            return found(Authorship.NOT_ASSESSABLE, f"{judged[i].candidate} could not be tested. {judged[i].reason}")
    p = max(judged[i].p_value or 0.0 for i in members)
    outside = [i for i, author in enumerate(text.authors) if author.role != role and text.scored(i)]
    exact = judged[members[0]].exact and bool(outside)
    evidence = Members(against=text.against(members, outside)) if exact else None
    numbers: dict[str, Any] = {
        "p_value": p,
        "e_value": e_value(least(evidence.against)) if evidence else None,
        "evidence": evidence,
    }
    if all(judged[i].verdict is Authorship.NOT_WRITTEN_BY for i in members):
        return found(
            Authorship.NOT_WRITTEN_BY, f"Each of the {TITLES[role]} is refuted (the least refuted with p = {p:.2g}).", **numbers
        )
    human = human_p_value(text)
    others_refuted = all(one.verdict is Authorship.NOT_WRITTEN_BY for one in judged if one.role != role)
    if evidence and others_refuted and human is not None and human <= alpha and p > alpha:
        numbers["evidence"] = evidence = evidence.model_copy(update={"outside": text.against(outside, members)})
        if (against := least(evidence.outside)) >= needed(1, alpha):
            return found(
                Authorship.WRITTEN_BY,
                f"Not refuted (p = {p:.2g}); every candidate outside the set is (e-values from e^{against:.1f}), and the text "
                f"is unlike human writing (p = {human:.2g}).",
                **numbers,
            )
    return found(Authorship.UNDECIDED, f"Not each of the {TITLES[role]} is refuted, and none is attributed.", **numbers)


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
