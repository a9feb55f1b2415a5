"""Canaries continued: whether an endpoint that returns nothing but text goes on with published strings as they were published.

It is asked to continue the text before a string and the string's first letters, several times. What it writes is held against
the next letters of the published string and, without asking anything more, against those of its unpublished siblings. Knows
nothing about HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from scipy.special import chdtri

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.common.seeds import generator
from llm_audit.detectors.membership.base import MEANING
from llm_audit.detectors.membership.canary import Secret
from llm_audit.detectors.membership.outcomes import result
from llm_audit.detectors.rule import Measurement, MembershipTest, NotDerivable, Terms, requires
from llm_audit.endpoints.records import Ask, Failure, Reply
from llm_audit.reports.format import p_statement, p_value
from llm_audit.reports.wording.membership import facts_of_continuations
from llm_audit.results import Conditions, Draws, Effect, Fact, Result
from llm_audit.results.membership_evidence import Continued
from llm_audit.stats.combination import fisher
from llm_audit.stats.permutation import QUANTILES, Outcome

STEP = 8
"""Letters from one beginning of a string to the next, and letters of a continuation that count."""

TEMPERATURE, TOKENS = 0.5, 16
"""Of each request; some servers refuse to answer with fewer tokens."""

Beginnings = list[tuple[int, int]]
"""Number of a canary and letters of it that a prompt shows, for each beginning."""


def beginnings(secrets: Sequence[Secret]) -> Beginnings:
    """The beginnings of each canary; a string with nothing before it is not asked for from its first letter."""
    return [
        (number, letters)
        for number, secret in enumerate(secrets)
        for letters in range(0 if secret.before.strip() else STEP, secret.length - STEP + 1, STEP)
    ]


def check(secrets: Sequence[Secret], continuations: int, alpha: float) -> int:
    """The number of requests. Raises InvalidConfiguration: no p-value could be as small as alpha."""
    if len({secret.seed for secret in secrets}) < len(secrets):
        raise InvalidConfiguration("One canary is named twice, or two have one seed; they would count as two. Name each once.")
    prefixes = beginnings(secrets)
    smallest = fisher([1 / (secrets[number].count + 1) for number, _ in prefixes]) if prefixes else 1.0
    if smallest > alpha:
        raise InvalidConfiguration(
            f"These canaries have {len(prefixes)} beginnings of {STEP} letters, which give no p-value below "
            f"{p_value(smallest, alpha)}; alpha {alpha:g} needs longer strings or more siblings."
        )
    return len(prefixes) * continuations


def questions(secrets: Sequence[Secret], continuations: int) -> list[Ask]:
    """The requests: of each beginning as many continuations, each with another seed."""
    return [
        Ask(
            f"canary {number + 1}, {letters} letters, continuation {k + 1}",
            secrets[number].before + secrets[number].strings()[0][:letters],
            "completions", TOKENS, TEMPERATURE, seed=(at * 1000 + k),
        )
        for at, (number, letters) in enumerate(beginnings(secrets))
        for k in range(continuations)
    ]  # fmt: skip


def agreement(written: str, letters: str) -> int:
    """Letters in a row, from the first one on, that a continuation has as they are in a string."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(written, letters, strict=False)))


def measure(secrets: Sequence[Secret], outcomes: Sequence[Reply | Failure], seed: str) -> Measurement[Continued]:
    """Measure, at each beginning, the rank of the published letters among the siblings' by how far they were written.

    Null hypothesis: whatever was written does not depend on the next letters of the published string, which are uniform given
    all before them, as the siblings' are. Ranks among them are exact and independent, ties broken at random.

    Args:
        secrets: the canaries.
        outcomes: of `questions`, in their order.
        seed: of what breaks ties.
    """
    prefixes = beginnings(secrets)
    size, strings = len(outcomes) // len(prefixes), [secret.strings() for secret in secrets]
    rows = []
    for at, (number, letters) in enumerate(prefixes):
        texts = [outcome.text for outcome in outcomes[at * size : (at + 1) * size] if isinstance(outcome, Reply)]
        if not texts:
            continue
        blocks = [string[letters : letters + STEP] for string in strings[number]]
        means = np.array([np.mean([agreement(text, block) for text in texts]) for block in blocks])
        more, ties = int((means[1:] > means[0]).sum()), int((means[1:] == means[0]).sum())
        exceeding = more + int(generator(seed, f"ties {number} {letters}").integers(0, ties + 1))
        rows.append((exceeding, len(blocks) - 1, len(texts), float(means[0]), float(means[1:].mean())))
    if not rows:
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        raise NotAvailable(failures[0].reason)
    exceeded, draws, counts, agreed, chance = zip(*rows, strict=True)
    evidence = Continued(exceeding=exceeded, draws=draws, written=counts, agreeing=agreed, by_chance=chance)
    return Measurement(evidence, n=len(secrets), draws=Draws(count=sum(draws), exceeding=0, seed=seed))


def derive(measured: Measurement[Continued], terms: Terms) -> Result:
    """The test's result: the ranks of all beginnings together, by Fisher's method."""
    requires(measured, Continued)
    evidence = measured.evidence
    if any(not 0 <= count <= draws for count, draws in zip(evidence.exceeding, evidence.draws, strict=True)):
        raise NotDerivable("a beginning has more exceeding siblings than siblings")
    p_values = [(1 + count) / (1 + draws) for count, draws in zip(evidence.exceeding, evidence.draws, strict=True)]
    p, floor = fisher(p_values), fisher([1 / (1 + draws) for draws in evidence.draws])
    gain = float(np.mean(evidence.agreeing) - np.mean(evidence.by_chance))
    first = sum(count == 0 for count in evidence.exceeding)
    quantiles = chdtri(2 * len(p_values), (np.arange(QUANTILES) + 0.5) / QUANTILES)
    outcome = Outcome(float(-2 * np.log(p_values).sum()), p, floor, sum(evidence.draws), sum(evidence.exceeding), quantiles)
    return result(
        rule,
        measured,
        outcome,
        terms.alpha,
        statistic=("Fisher's statistic over the beginnings", ""),
        effect=Effect(name="letters in a row beyond those of siblings", value=gain, unit="letters per continuation"),
        n=measured.n,
        statement=(
            f"{sum(evidence.written):,} continuations of {len(p_values)} beginnings have {np.mean(evidence.agreeing):.2f} "
            f"letters in a row as published, {np.mean(evidence.by_chance):.2f} as siblings have them; at {first} beginnings no "
            f"sibling fits better; {p_statement(p, alpha=terms.alpha)}"
        ),
    )


def _units(result: Result, conditions: Conditions) -> tuple[str, int, int]:
    """Units of a result: the published strings in words, their number, and the siblings that each was held against."""
    draws = result.evidence.draws if isinstance(result.evidence, Continued) else ()
    return f"{result.n or 0:,} published strings", result.n or 0, max(draws, default=0)


def _stated(result: Result, conditions: Conditions, units: str) -> list[Fact]:
    """The conditions of a measurement."""
    return facts_of_continuations(conditions, units, STEP, TEMPERATURE)


rule = MembershipTest[Sequence[Secret], Continued](
    code="AUD316",
    name="continuation",
    title="Canaries continued",
    question="Does an endpoint go on with published random strings as they were published?",
    null="The endpoint's model was not trained on the published strings: what it writes after their beginnings has nothing to "
    "do with how they go on.",
    assumptions=(
        "The published strings were drawn at random with their siblings, once, as for the rank of a canary.",
        "The endpoint answers from its model alone: it searches nothing, and remembers no earlier request. The prompts show "
        "the published strings, as the public does, and no sibling; a later model may have read them from these requests.",
    ),
    listed=("MembershipContinuation", "Published canaries are continued", MEANING),
    method="Sampled continuations as in SaMIA (Kaneko, Ma, Wata, Okazaki), ranked among siblings; Fisher's method over the "
    "beginnings",
    claim="Were the published texts in the training data of {model}?",
    units=_units,
    stated=_stated,
    condition="the strings were drawn once and the others kept secret",
    conditions=frozenset({"commitments", "endpoint", "unanswered"}),
    measure=measure,
    derive=derive,
)
