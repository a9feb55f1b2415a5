"""Convert the outcome of a rank or permutation test of a collection to a `Result`, and back from a stored one.

Knows nothing about models or the statistic tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.detectors.rule import Measurement, NotDerivable, Rule, affordable, decision
from llm_audit.results import Draws, Effect, Result, Statistic
from llm_audit.results.membership_evidence import RankSum
from llm_audit.stats import permutation
from llm_audit.stats.permutation import Outcome, bootstrap_mean

KEPT_DRAWS = 999
"""Most draws whose statistic goes into the report, for the plot."""

Floats = NDArray[np.float64]

BEYOND = "Beyond what a model that cannot have seen the data prefers: "
"""Beginning of the sentence of a test on the numbers of the model under audit less those of a control model."""


def result(
    rule: Rule[Any, Any],
    measured: Measurement[Any],
    outcome: Outcome,
    alpha: float,
    *,
    statistic: tuple[str, str],
    effect: Effect | None,
    n: int | None,
    statement: str | None,
    **others: Any,
) -> Result:
    """The result of an exact test.

    Args:
        rule: whose result it is.
        measured: with the evidence.
        outcome: of the test.
        alpha: level of the decision.
        statistic: name and unit.
        effect: size of the departure.
        n: independent units.
        statement: beginning of the sentence, which says what p counts; None: facts are not stored, so that the stored sentence
            stays.
        others: fields of the result that are not those of the rule.
    """
    verdict, then = decision(outcome.p_value, outcome.p_floor, alpha)
    fields: dict[str, Any] = {
        "rule": rule.code,
        "name": rule.title,
        "subject": "collection",
        "null": rule.null,
        "verdict": verdict,
        "reason": measured.reason if statement is None else f"{statement}: {then}.",
        "statistic": Statistic(name=statistic[0], value=float(outcome.statistic), unit=statistic[1]),
        "p_value": outcome.p_value,
        "p_floor": outcome.p_floor,
        "n": n,
        "effect": effect,
        "draws": draws_of(outcome, measured.draws.seed if measured.draws else None),
        "evidence": measured.evidence,
        "assumptions": rule.assumptions,
        "method": rule.method,
    }
    return Result(**fields | others)


def draws_of(outcome: Outcome, seed: str | None) -> Draws:
    """The draws of an outcome, for the report."""
    values = tuple(float(value) for value in np.asarray(outcome.null)[:KEPT_DRAWS])
    return Draws(count=outcome.draws, exceeding=outcome.exceeding, seed=seed, values=values)


def ranked(measured: Measurement[Any]) -> Outcome:
    """The outcome of a rank among draws, of which a report may hold only the first ones.

    The draws that it does not hold are unknown: the stored number of exceeding draws is used as far as it is possible.

    Raises:
        NotDerivable: the report holds no draws.
        ValueError: it holds fewer of them than it keeps.
    """
    draws = measured.draws
    if draws is None or not draws.count or measured.statistic is None:
        raise NotDerivable("the report stores no draws")
    statistic = measured.statistic.value
    null = np.array(draws.values, dtype=np.float64)
    if len(null) != min(draws.count, KEPT_DRAWS):
        raise ValueError("draws are missing, or too many")
    if draws.count <= len(null):
        return permutation.monte_carlo(statistic, null)
    seen, unseen = int(np.count_nonzero(null >= statistic)), draws.count - len(null)
    exceeding = min(max(draws.exceeding, seen), seen + unseen)
    return Outcome(statistic, (1 + exceeding) / (1 + draws.count), 1 / (1 + draws.count), draws.count, exceeding, null)


def effect_of(measured: Measurement[Any], outcome: Outcome, size: Callable[[Outcome], Effect]) -> Effect | None:
    """The effect, from all draws or, where a report holds only the first ones, as it was measured."""
    if outcome.draws == len(outcome.null):
        return size(outcome)
    return measured.effect and size(outcome).model_copy(update={"value": measured.effect.value})


def rank_sum(evidence: RankSum) -> tuple[Outcome, Floats]:
    """The outcome of a sum of ranks, and the gain of each; `NotDerivable` if there are too many draws."""
    affordable(sum(evidence.draws))
    return permutation.rank_sum(evidence.exceeding, evidence.draws), np.array(evidence.gains)


def mean_interval(values: Floats, generator: np.random.Generator) -> tuple[float | None, float | None]:
    """The 95 % bootstrap interval of a mean of independent values; none for fewer than 10, where its coverage is too low."""
    return bootstrap_mean(values, generator) if len(values) >= 10 else (None, None)


def unit_means(values: ArrayLike, units: Sequence[str]) -> Floats:
    """(k,) mean of the values of each independent unit, in order of first appearance."""
    number = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    member = np.array([number[unit] for unit in units], dtype=np.int64)
    return np.asarray(np.bincount(member, np.asarray(values, dtype=np.float64)) / np.bincount(member), dtype=np.float64)
