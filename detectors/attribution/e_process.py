"""The rule on the tempering e-process, exact at every length and under optional stopping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.base import Outcome, candidate_rule, is_robust, level_of, without_strongest
from llm_audit.detectors.attribution.support import EPSILON, finite, inside
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.results.evidence import Tempering
from llm_audit.scoring.tokens import RENYI_ORDERS, TokenScores
from llm_audit.stats import eprocess
from llm_audit.stats.combination import average_e, e_to_p


def increments(scores: TokenScores) -> NDArray[np.float64]:
    """(n, exponents) log e of each token; for a truncated setting against the null widened by `EPSILON`."""
    if scores.free_logprob is None or scores.free_renyi is None or scores.kept is None:
        return eprocess.tempering_increments(scores.logprob, scores.renyi, RENYI_ORDERS)
    return eprocess.contaminated_increments(
        scores.logprob, scores.renyi, scores.free_logprob, scores.free_renyi, scores.kept, RENYI_ORDERS, EPSILON
    )


def path(scores: TokenScores) -> NDArray[np.float64]:
    """(n,) logarithm of the e-process after each token."""
    return eprocess.mixture(increments(scores)).path


def log_e(scores: TokenScores) -> float:
    """Logarithm of the e-value after the last token; an impossible token counts as e^700, the end of float64."""
    return min(eprocess.mixture(increments(scores)).log_e, 700.0)


def measure(scores: TokenScores, terms: Terms, vocabulary: int) -> Measurement[Tempering]:
    """Measure the running products at the peak of their mixture, and at the end."""
    steps = increments(scores)
    mixture, products = eprocess.mixture(steps), np.cumsum(steps, axis=0)
    peak = products[int(mixture.path.argmax())] if mixture.log_peak > 0 else ()
    evidence = Tempering(
        peak=tuple(map(finite, peak)),
        end=tuple(map(finite, products[-1])),
        without=finite(mixture.log_peak_without),
        strongest=mixture.dominant + 1,
        outside=int((~inside(scores)).sum()),
        tests=terms.tests,
    )
    return Measurement(evidence, n=len(scores))


def outcome(evidence: Tempering, level: float) -> Outcome:
    """The p-value is 1 over the largest e-value on the way (Ville)."""
    peak, end, without = _logs(evidence)
    return Outcome(e_to_p(peak), end, end, is_robust(peak, without, level))


def _reason(evidence: Tempering, measured: Measurement[Any], terms: Terms) -> str | None:
    if evidence.strongest is None or measured.n is None:
        return None
    level = level_of(evidence.tests, terms)
    peak, end, without = _logs(evidence)
    sentence = (
        f"The e-value after {measured.n:,} tokens is e^{end:.2f}, its largest on the way e^{peak:.2f}; "
        f"refuting takes e^{-math.log(level):.2f}."
    )
    if evidence.outside:
        sentence += (
            f" {evidence.outside} of {measured.n:,} tokens are impossible under these settings; {EPSILON:.0%} are allowed for."
        )
    if not is_robust(peak, without, level):
        sentence += without_strongest(evidence.strongest, without)
    return sentence


def _logs(evidence: Tempering) -> tuple[float, float, float]:
    """Logarithms of the mixture: at its peak, at the end, and at the peak without the strongest token."""
    peak = _mixed(evidence.peak) if evidence.peak else 0.0
    return peak, _mixed(evidence.end), math.inf if evidence.without is None else evidence.without


def _mixed(products: Sequence[float | None]) -> float:
    return float(average_e([math.inf if product is None else product for product in products]))


rule = candidate_rule(
    _reason,
    code="AUD202",
    name="e-process",
    title="Tempering e-process",
    question="Does the text bet successfully against this model, however long one watches?",
    unit="nats (log e-value)",
    method="Martingale prod A(x)^-l / sum A^(1-l), mixed over a fixed grid of l; Ville's inequality: exact whenever one stops",
    statistic=log_e,
    measure=measure,
    outcome=outcome,
)
