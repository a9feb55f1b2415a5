"""Border inputs over time: whether the first tokens that an endpoint writes are still drawn from the same law.

Neither log-probabilities nor a model: the endpoint itself showed, when the baseline was taken, where it is undecided.
Change is not identity: it does not say which of the two states is the promised one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from llm_audit.common.seeds import generator
from llm_audit.detectors.rule import Measurement, NotDerivable, Terms, decision, requires
from llm_audit.detectors.substitution.base import SubstitutionRule
from llm_audit.results import Effect, Result, Statistic
from llm_audit.results.substitution_evidence import BorderChange, TwoTimes
from llm_audit.stats import border

MOST_COUNTED = 20_000
"""Answers that are counted again, or a forged number would keep somebody waiting."""


def measure(before: Sequence[Mapping[str, int]], after: Sequence[Mapping[str, int]], seed: str) -> Measurement[BorderChange]:
    """How often each answer came at either time, prompt by prompt.

    Args:
        before: for each prompt, answer -> how often it came.
        after: likewise, now, to the same prompts.
        seed: of the draws.
    """
    inputs = []
    for old, new in zip(before, after, strict=True):
        answers = sorted(Counter(old) + Counter(new))
        inputs.append(
            TwoTimes(before=tuple(old.get(each, 0) for each in answers), after=tuple(new.get(each, 0) for each in answers))
        )
    return Measurement(BorderChange(seed=seed, inputs=tuple(inputs)), n=sum(sum(each.after) for each in inputs))


def derive(measured: Measurement[BorderChange], terms: Terms) -> Result:
    """The mean total variation between both times, among divisions of all answers to each prompt."""
    requires(measured, BorderChange)
    found = measured.evidence
    told = sum(sum(each.before) + sum(each.after) for each in found.inputs)
    if told > MOST_COUNTED:
        raise NotDerivable(f"{told:,} answers are more than the {MOST_COUNTED:,} that are counted again")
    before, after = [each.before for each in found.inputs], [each.after for each in found.inputs]
    outcome = border.changed(before, after, generator(found.seed, "border inputs over time"))
    verdict, then = decision(outcome.p_value, outcome.p_floor, terms.alpha)
    return Result(
        rule=rule.code,
        name=rule.title,
        subject="endpoint",
        null=rule.null,
        verdict=verdict,
        reason=(
            f"The first tokens of {sum(map(sum, after))} answers to {len(after)} prompts and of {sum(map(sum, before))} before "
            f"are {outcome.statistic:.0%} apart in the mean (total variation; chance: {outcome.expected:.0%}); "
            f"p = {outcome.p_value:.2g}: {then}."
        ),
        statistic=Statistic(name="mean total variation", value=outcome.statistic, unit=""),
        p_value=outcome.p_value,
        p_floor=outcome.p_floor,
        effect=Effect(name="total variation beyond that of chance", value=outcome.statistic - outcome.expected, unit=""),
        n=sum(map(sum, after)),
        evidence=found,
        assumptions=rule.assumptions,
        method=rule.method,
    )


rule = SubstitutionRule[tuple[Sequence[Mapping[str, int]], Sequence[Mapping[str, int]]], BorderChange](
    code="AUD409",
    name="border-tracking",
    title="Border inputs over time",
    question="Does the endpoint write each first token as often as when a baseline was taken?",
    null="The endpoint's first tokens are drawn from the same laws as they were.",
    assumptions=(
        "The answers are independent draws at temperature 1: with seeds that no two share, and none from a cache.",
        "The software's noise and its sampler's settings are the same at both times: another top-k, temperature or system "
        "prompt is a change, and is found as one.",
    ),
    method=(
        "B3IT (arXiv 2602.11083) at temperature 1: total variation, its null hypothesis by division of all answers to each "
        "prompt, which is multivariate hypergeometric, p = (1 + b)/(1 + B); B3IT has a threshold from past days"
    ),
    joint=False,
    one_token=True,
    measure=measure,
    derive=derive,
)
