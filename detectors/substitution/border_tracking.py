"""Border inputs over time: whether the first tokens that an endpoint writes are still drawn from the laws that they were.

Neither log-probabilities nor a model: when the baseline was taken, the endpoint itself showed at which prompts it is undecided.
Change is not identity: it does not say which of the two states is the promised one. Pure: no endpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, decision, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.reports.format import p_statement
from llm_audit.results import Effect, Result, Statistic, Verdict
from llm_audit.results.substitution_evidence import BorderChange, FirstTokens
from llm_audit.stats import homogeneity
from llm_audit.stats.permutation import Outcome

MOST_COUNTED = 20_000
"""Answers that are counted again, or a forged number would keep somebody waiting."""

INDEPENDENT, ORDERS = 0.001, 1999
"""Level at which answers repeat the one before too often for independent draws, and random orders that tell."""

STRAYS = 2
"""Other answers that a prompt may have beside the one that it always gets: a cache is filled by requests that come together."""

Answers = Sequence[Sequence[str]]
"""For each border input, the answers to it in the order in which they were asked for."""

Counts = Sequence[Sequence[int]]
"""For each border input, how often each answer came."""


def measure(before: Answers, after: Answers, seed: str) -> Measurement[BorderChange]:
    """How often each answer came at either time, prompt by prompt. `seed`: of the draws."""
    inputs = []
    for old, new in zip(before, after, strict=True):
        first, second = Counter(old), Counter(new)
        texts = sorted(first + second)
        inputs.append(FirstTokens(before=tuple(first[text] for text in texts), after=tuple(second[text] for text in texts)))
    evidence = BorderChange(seed=seed, repeats=(repeats(before), repeats(after)), inputs=tuple(inputs), strays=STRAYS)
    return Measurement(evidence, n=sum(map(len, after)))


def repeats(answers: Answers) -> int:
    """Answers that equal the one before to the same prompt."""
    return sum(text == following for texts in answers for text, following in pairwise(texts))


def dependent(counts: Counts, repeated: int, seed: str) -> bool:
    """Whether answers repeat the one before too often for independent draws, as from a cache that is emptied now and then."""
    return homogeneity.repetition(counts, repeated, generator(seed, "orders of answers"), ORDERS).p_value <= INDEPENDENT


def derive(measured: Measurement[BorderChange], terms: Terms) -> Result:
    """The weighted squared differences of both times' counts, among divisions of all answers to each prompt."""
    requires(measured, BorderChange)
    evidence = measured.evidence
    before, after = [counts.before for counts in evidence.inputs], [counts.after for counts in evidence.inputs]
    answers = sum(map(sum, before)) + sum(map(sum, after))
    if answers > MOST_COUNTED:
        raise NotDerivable(f"{answers:,} answers are more than the {MOST_COUNTED:,} that are counted again")
    if nothing := _nothing(evidence, before, after):
        return _result(evidence, Verdict.NOT_ASSESSABLE, nothing)
    outcome = homogeneity.changed(before, after, generator(evidence.seed, "border inputs over time"))
    apart, by_chance = homogeneity.distance(before, after)
    verdict, then = decision(outcome.p_value, outcome.p_floor, terms.alpha)
    reason = (
        f"{sum(map(sum, after))} answers of one token to {len(after)} prompts now and {sum(map(sum, before))} before are "
        f"{apart:.1%} apart on average (total variation; by chance {by_chance:.1%}); "
        f"{p_statement(outcome.p_value, alpha=terms.alpha)}: {then}. "
        f"Answers that equal the one before to the same prompt, of which a cache makes many: {evidence.repeats[1]} now (by "
        f"chance {_by_chance(after):.0f}), {evidence.repeats[0]} before (by chance {_by_chance(before):.0f})."
    )
    return _result(evidence, verdict, reason, outcome, apart - by_chance)


def _by_chance(counts: Counts) -> float:
    """Mean number of answers that equal the one before, over all orders of independent draws."""
    return sum(count * (count - 1) / max(1, sum(place)) for place in counts for count in place)


def _nothing(evidence: BorderChange, before: Counts, after: Counts) -> str:
    """Why the answers say nothing, as a sentence; "" if they do."""
    strays = [sum(prompt) - max(prompt) for prompt in after]
    if max(strays) <= (evidence.strays or 0):
        but = f" ({sum(strays)} answers aside)" if any(strays) else ""
        return (
            f"Each prompt got one and the same answer every time{but}, which was not so before: the endpoint ignores "
            "temperature 1, or its answers come from a cache. No p-value."
        )
    for time, counts, repeated in (("before", before, evidence.repeats[0]), ("now", after, evidence.repeats[1])):
        if dependent(counts, repeated, evidence.seed):
            return (
                f"The answers of {time} repeat the one before them to the same prompt {repeated} times, too often for "
                "independent draws: they may come from a cache. No p-value."
            )
    return ""


def _result(
    evidence: BorderChange, verdict: Verdict, reason: str, outcome: Outcome | None = None, beyond: float = 0.0
) -> Result:
    return Result(
        **rule.result_fields,
        subject="endpoint",
        verdict=verdict,
        reason=reason,
        statistic=Statistic(name="weighted squared differences", value=outcome.statistic, unit="") if outcome else None,
        p_value=outcome.p_value if outcome else None,
        p_floor=outcome.p_floor if outcome else None,
        effect=Effect(name="total variation beyond that of chance", value=beyond, unit="") if outcome else None,
        n=sum(sum(counts.after) for counts in evidence.inputs),
        evidence=evidence,
    )


rule = SubstitutionRule[tuple[Answers, Answers], BorderChange](
    code="AUD409",
    name="border-tracking",
    title="Border inputs over time",
    question="Does the endpoint write each first token as often as when a baseline was taken?",
    null="The endpoint's first tokens are drawn from the laws that they were drawn from then.",
    assumptions=(
        "The answers are independent draws at temperature 1: with seeds that no two share, and none from a cache. A cache that "
        "repeats an answer for a while is seen; one that keeps several answers a prompt and picks among them is not, and is "
        "found as a change.",
        "The sampler's settings are the same at both times: another temperature, top-k, top-p or system prompt is a change, "
        "and is found as one.",
        "The endpoint's software moves the logits by far less than chance moves the counts: by 0.1 nats or less.",
    ),
    method=(
        "B3IT (arXiv 2602.11083) at temperature 1, not 0. Squared differences of counts over the roots of the expected ones; "
        "the null hypothesis by division of all answers to each prompt, which is multivariate hypergeometric, p = (1 + b)/(1 + "
        "B). B3IT has total variation and a threshold from past days"
    ),
    joint=False,
    one_token=True,
    measure=measure,
    derive=derive,
)
