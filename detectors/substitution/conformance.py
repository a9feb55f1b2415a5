"""AUD406: whether the endpoint does as its interface says. Counts, names, limits; no p-value, and it never decides.

Knows nothing about the reference but its vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors.substitution.reference import Vocabulary
from llm_audit.endpoints.defects import changes
from llm_audit.endpoints.records import Failure, Reply
from llm_audit.results import Result, Verdict

AGREEING = 0.9
"""Share of tokens whose id and text belong together in the reference, below which the endpoint has another tokenizer."""


def foreign(replies: Sequence[Reply], vocabulary: Vocabulary) -> str:
    """Why the endpoint's tokens cannot be the reference's, as a sentence; "" if they can."""
    tokens = [
        token
        for reply in replies
        for position in reply.usable
        for token in (position.token, *(each for each, _ in position.top))
    ]
    told = [found for token in tokens if (found := vocabulary.agrees(token)) is not None]
    if told and sum(told) < AGREEING * len(told):
        return (
            f"Of {len(told):,} tokens that the endpoint names by id and text, {1 - sum(told) / len(told):.0%} are others in "
            "the reference's vocabulary: the endpoint has another tokenizer, or the reference is not what was promised."
        )
    unknown = sum(vocabulary.find(token) is None for token in tokens if token.identified)
    if tokens and unknown > (1 - AGREEING) * len(tokens):
        return (
            f"{unknown:,} of {len(tokens):,} tokens of the endpoint are not in the reference's vocabulary: the endpoint has "
            "another tokenizer, or the reference is not what was promised."
        )
    return ""


def conformance(outcomes: Sequence[Reply | Failure], asked_for: str) -> Result:
    """AUD406: what the endpoint claims against what it does: names, counts, lengths, alternatives."""
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    wrong: list[str] = list(changes(replies))
    named = {reply.model for reply in replies if reply.model and reply.model != asked_for}
    if named:
        wrong.append(f"asked for {asked_for!r}, it says that it serves {', '.join(map(repr, sorted(named)))}.")
    longer = [reply for reply in replies if max(len(reply.positions), reply.usage[1] or 0) > reply.ask.max_tokens]
    if longer:
        wrong.append(f"{len(longer)} answers are longer than was asked for.")
    counted = [reply for reply in replies if reply.usage[1] is not None and reply.positions]
    # The token that ends an answer is billed, and often not among the positions.
    miscounted = [reply for reply in counted if abs((reply.usage[1] or 0) - len(reply.positions)) > 1]
    if miscounted:
        wrong.append(f"{len(miscounted)} of {len(counted)} answers are billed for another number of tokens than they have.")
    fewer = [
        reply
        for reply in replies
        if reply.ask.top_logprobs and any(len(position.top) < reply.ask.top_logprobs for position in reply.positions)
    ]
    if fewer:
        wrong.append(f"{len(fewer)} answers have fewer alternatives than were asked for.")
    said = " ".join(f"{each[0].upper()}{each[1:]}" for each in wrong) or "Names, counts and lengths are as they should be."
    return Result(
        rule="AUD406",
        name="Conformance",
        subject="endpoint",
        null="The endpoint does as the interface that it offers says.",
        verdict=Verdict.INCONCLUSIVE if wrong else Verdict.PASS,
        reason=f"{said} No p-value; it does not decide.",
        n=len(replies),
        method="Comparison of what was asked with what was returned",
    )
