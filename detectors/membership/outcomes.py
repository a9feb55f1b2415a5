"""From the outcome of a rank or permutation test of a collection to a `Result`, and back from what a report stores of it.

Knows nothing about models, and nothing about what is tested.
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
"""Draws whose statistic goes into the report, for the picture."""

Floats = NDArray[np.float64]

BEYOND = "Beyond what a model that cannot have seen the data prefers: "
"""Before what a test found whose numbers are those of the model under audit less those of a control model."""


def result(
    rule: Rule[Any, Any],
    measured: Measurement[Any],
    outcome: Outcome,
    alpha: float,
    *,
    statistic: tuple[str, str],
    effect: Effect | None,
    n: int | None,
    found: str | None,
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
        found: what p counts, as the beginning of a sentence; None: the facts are not stored, and the stored sentence stays.
        others: fields of the result that are not those of the rule.
    """
    verdict, then = decision(outcome.p_value, outcome.p_floor, alpha)
    fields: dict[str, Any] = {
        "rule": rule.code,
        "name": rule.title,
        "subject": "collection",
        "null": rule.null,
        "verdict": verdict,
        "reason": measured.reason if found is None else f"{found}: {then}.",
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
    """The outcome of a rank among draws, of which a report may hold the first ones only.

    Those that it does not hold can be any: the number that it gives as exceeding counts as far as the others allow it.

    Raises:
        NotDerivable: the report holds no draws.
    """
    draws = measured.draws
    if draws is None or not draws.count or measured.statistic is None:
        raise NotDerivable("the report stores no draws")
    statistic = measured.statistic.value
    null = np.array(draws.values, dtype=np.float64)
    if draws.count <= len(null):
        return permutation.monte_carlo(statistic, null)
    seen, unseen = int(np.count_nonzero(null >= statistic)), draws.count - len(null)
    exceeding = min(max(draws.exceeding, seen), seen + unseen)
    return Outcome(statistic, (1 + exceeding) / (1 + draws.count), 1 / (1 + draws.count), draws.count, exceeding, null)


def effect_of(measured: Measurement[Any], outcome: Outcome, size: Callable[[Outcome], Effect]) -> Effect | None:
    """The effect from all draws or, where a report holds the first ones only, of the value that was measured."""
    if outcome.draws == len(outcome.null):
        return size(outcome)
    return measured.effect and size(outcome).model_copy(update={"value": measured.effect.value})


def rank_sum(evidence: RankSum) -> tuple[Outcome, Floats]:
    """The outcome of several ranks together, and the gain of each; `NotDerivable` if their draws are too many."""
    affordable(sum(evidence.draws))
    return permutation.rank_sum(evidence.exceeding, evidence.draws), np.array(evidence.gains)


def mean_interval(values: Floats, generator: np.random.Generator) -> tuple[float | None, float | None]:
    """The 95 % bootstrap interval of a mean of independent values; none for fewer than 10, of which it would miss too often."""
    return bootstrap_mean(values, generator) if len(values) >= 10 else (None, None)


def unit_means(values: ArrayLike, units: Sequence[str]) -> Floats:
    """(k,) mean of the values of each independent unit, in order of first appearance."""
    number = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    member = np.array([number[unit] for unit in units], dtype=np.int64)
    return np.asarray(np.bincount(member, np.asarray(values, dtype=np.float64)) / np.bincount(member), dtype=np.float64)
