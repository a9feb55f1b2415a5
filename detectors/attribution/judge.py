"""What stored evidence about a candidate comes to: p-values, e-values, whether it is refuted. Pure, without texts or models.

What the tests found is judged here, when it is found and whenever `llm-audit verify` looks at it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from llm_audit.results.evidence import Against, Derivation, Fisher, LikelihoodRatio, MartingaleZ, Ratio, Tempering
from llm_audit.stats.combination import average_e, bonferroni, e_to_p
from llm_audit.stats.concentration import z_test
from llm_audit.stats.likelihood_ratio import log_ratio
from llm_audit.stats.pit import fisher_tail, outside

LARGEST = 690.0
"""Logarithm above which an e-value is not written out: float64 ends at e^709."""


class Told(NamedTuple):
    """What the evidence of one exact test says, at a level.

    Attributes:
        p_value: of the test.
        log_e: logarithm of the e-value; None for tests that have none.
        statistic: in the detector's unit.
        robust: false if the test refutes at the level, and would not without its strongest token.
    """

    p_value: float
    log_e: float | None
    statistic: float
    robust: bool


def knows(evidence: Derivation) -> bool:
    """Whether it is of an exact test of a candidate."""
    return type(evidence) in _TOLD


def told(evidence: Derivation, level: float) -> Told:
    """What it says; of a kind that `knows` accepts."""
    return _TOLD[type(evidence)](evidence, level)


def _martingale_z(found: MartingaleZ, level: float) -> Told:
    if not found.tokens:
        return Told(1.0, None, 0.0, True)
    deviation = math.inf if found.deviation is None else found.deviation
    return Told(z_test(deviation, found.variance).p_value, None, deviation / found.tokens, True)


def _tempering(found: Tempering, level: float) -> Told:
    peak = _mixed(found.peak) if found.peak else 0.0
    without = math.inf if found.without is None else found.without
    end = _mixed(found.end)
    return Told(e_to_p(peak), end, end, _robust(peak, without, level))


def _likelihood_ratio(found: LikelihoodRatio, level: float) -> Told:
    peak = log_of(found.peak) if found.peak else 0.0
    end = log_of(found.end) if found.end else 0.0
    without = -math.inf if found.without is None else found.without
    return Told(e_to_p(peak), end, end, _robust(peak, without, level))


def _fisher(found: Fisher, level: float) -> Told:
    p, p_outside = fisher_tail(math.inf if found.impossible else found.total, found.tokens), 1.0
    if found.outside is not None:
        p_outside = outside(found.outside, found.tokens, found.share)
        p = min(1.0, 2 * min(p, p_outside))
    confirmed = found.without is None or found.without <= level
    robust = p > level or 2 * p_outside <= level or confirmed
    return Told(p, None, abs(found.total / found.tokens - 1), robust)


_TOLD: dict[type[Any], Callable[[Any, float], Told]] = {
    MartingaleZ: _martingale_z,
    Tempering: _tempering,
    LikelihoodRatio: _likelihood_ratio,
    Fisher: _fisher,
}


def _robust(peak: float, without: float, level: float) -> bool:
    return peak < -math.log(level) or without >= -math.log(level)


def _mixed(products: Sequence[float | None]) -> float:
    return float(average_e([math.inf if each is None else each for each in products]))


def log_of(ratio: Ratio) -> float:
    """Logarithm of the mean of the rivals' likelihoods over the null's; 0 without rivals."""
    if not ratio.rivals:
        return 0.0
    rivals = [-math.inf if each is None else each for each in ratio.rivals]
    return float(log_ratio([rivals], [[-math.inf if ratio.null is None else ratio.null]])[-1])


def least(against: Sequence[Against]) -> float:
    """Log e-value against "one of these wrote it": the smallest over them and their settings."""
    return min(log_of(ratio) for each in against for ratio in each.settings)


def e_value(log_e: float) -> float:
    """The e-value itself, as far as it can be written."""
    return math.exp(min(log_e, LARGEST))


class Refutation(NamedTuple):
    """What the deciding tests of one setting come to.

    Attributes:
        p_value: Bonferroni over them.
        refuted: one of them has a p-value at its level.
        robust: and one that does stands without its strongest token.
    """

    p_value: float
    refuted: bool
    robust: bool


def refutation(p_values: Sequence[float], robust: Sequence[bool], alpha: float) -> Refutation:
    """The tests of one setting, which share alpha."""
    level = alpha / len(p_values)
    refuting = [stands for p, stands in zip(p_values, robust, strict=True) if p <= level]
    return Refutation(bonferroni(p_values), bool(refuting), any(refuting))


def least_refuted(settings: Sequence[Refutation]) -> tuple[Refutation, int]:
    """All settings of a candidate, and the place of the one that is shown: unknown which was used, the best fit counts."""
    shown = max(range(len(settings)), key=lambda i: (not (settings[i].refuted and settings[i].robust), settings[i].p_value))
    together = Refutation(
        max(one.p_value for one in settings), all(one.refuted for one in settings), all(one.robust for one in settings)
    )
    return together, shown


def needed(rivals: int, alpha: float) -> float:
    """Logarithm of the e-value that a candidate needs against each of its rivals."""
    return math.log(rivals / alpha)


def finite_statistic(value: float) -> float:
    """A statistic that a report can hold."""
    return float(np.clip(value, -1e300, 1e300))
