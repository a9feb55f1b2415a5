"""Conformance: whether the endpoint does as its interface says. Counts, names, limits; no p-value, and it never decides."""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors.rule import Measurement, Terms, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.endpoints.defects import changes
from llm_audit.endpoints.records import Failure, Reply
from llm_audit.results import Result, Verdict
from llm_audit.results.substitution_evidence import Conformance


def measure(outcomes: Sequence[Reply | Failure], asked_for: str) -> Measurement[Conformance]:
    """What the endpoint claims against what it does: names, counts, lengths, alternatives."""
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    counted = [reply for reply in replies if reply.usage[1] is not None and reply.positions]
    evidence = Conformance(
        changes=changes(replies),
        asked=asked_for,
        named=tuple(sorted({reply.model for reply in replies if reply.model and reply.model != asked_for})),
        longer=sum(max(len(reply.positions), reply.usage[1] or 0) > reply.ask.max_tokens for reply in replies),
        counted=len(counted),
        # The token that ends an answer is billed, and often not among the positions.
        miscounted=sum(abs((reply.usage[1] or 0) - len(reply.positions)) > 1 for reply in counted),
        fewer=sum(
            any(len(position.top) < reply.ask.top_logprobs for position in reply.positions)
            for reply in replies
            if reply.ask.top_logprobs
        ),
    )
    return Measurement(evidence, n=len(replies))


def derive(measured: Measurement[Conformance], terms: Terms) -> Result:
    """What is not as it should be, in words."""
    requires(measured, Conformance)
    found = measured.evidence
    wrong = [f"{change[0].upper()}{change[1:]}" for change in found.changes]
    if found.named:
        wrong.append(f"Asked for {found.asked!r}, it says that it serves {', '.join(map(repr, found.named))}.")
    if found.longer:
        wrong.append(f"{found.longer} answers are longer than was asked for.")
    if found.miscounted:
        wrong.append(f"{found.miscounted} of {found.counted} answers are billed for another number of tokens than they have.")
    if found.fewer:
        wrong.append(f"{found.fewer} answers have fewer alternatives than were asked for.")
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=rule.null,
        verdict=Verdict.INCONCLUSIVE if wrong else Verdict.PASS,
        reason=f"{' '.join(wrong) or 'Names, counts and lengths are as they should be.'} No p-value; it does not decide.",
        n=measured.n,
        evidence=found,
        method=rule.method,
    )


rule = SubstitutionRule[Sequence[Reply | Failure], Conformance](
    code="AUD406",
    name="conformance",
    title="Conformance",
    question="Does the endpoint do as its interface says?",
    null="The endpoint does as the interface that it offers says.",
    method="Comparison of what was asked with what was returned",
    measure=measure,
    derive=derive,
)
