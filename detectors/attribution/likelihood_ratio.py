"""The rule on the likelihood ratio of the named rivals to this model, an e-value against this model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.base import Outcome, candidate_rule, is_robust, level_of, without_strongest
from llm_audit.detectors.attribution.support import finite, null_logprob
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.results.evidence import Against, LikelihoodRatio, Ratio
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import likelihood_ratio
from llm_audit.stats.combination import e_to_p


def path(scores: TokenScores) -> NDArray[np.float64]:
    """(n,) log of the mean of the rivals' likelihoods over this model's, after each token; zero without rivals."""
    if scores.rivals is None or scores.rivals.shape[1] == 0:
        return np.zeros(len(scores))
    return likelihood_ratio.log_ratio(scores.rivals.astype(np.float64), null_logprob(scores)[:, None])


def log_e(scores: TokenScores) -> float:
    """Logarithm of the e-value after the last token, within +-700."""
    return float(np.clip(path(scores)[-1], -700.0, 700.0)) if len(scores) else 0.0


def measure(scores: TokenScores, terms: Terms, vocabulary: int) -> Measurement[LikelihoodRatio]:
    """Measure the log-likelihoods of the rivals and of this model, where their ratio is largest and at the end."""
    if scores.rivals is None or scores.rivals.shape[1] == 0:
        nothing = LikelihoodRatio(peak=None, end=None, without=0.0, strongest=0, tests=terms.tests)
        return Measurement(nothing, n=len(scores))
    along = path(scores)
    place, peak = int(along.argmax()), max(float(along.max()), 0.0)
    steps = np.diff(along[: place + 1], prepend=0.0)
    strongest = int(steps.argmax())
    evidence = LikelihoodRatio(
        peak=_totals(scores, place) if peak > 0 else None,
        end=_totals(scores, len(along) - 1),
        without=finite(peak - steps[strongest]),
        strongest=strongest + 1,
        tests=terms.tests,
    )
    return Measurement(evidence, n=len(scores))


def outcome(evidence: LikelihoodRatio, level: float) -> Outcome:
    """The p-value is 1 over the largest ratio on the way (Ville)."""
    peak, end, without = _logs(evidence)
    return Outcome(e_to_p(peak), end, end, is_robust(peak, without, level))


def _reason(evidence: LikelihoodRatio, measured: Measurement[Any], terms: Terms) -> str | None:
    if evidence.end is None:
        return "No rival was named, or none could be scored; there is nothing to compare with."
    if evidence.strongest is None:
        return None
    level = level_of(evidence.tests, terms)
    peak, end, without = _logs(evidence)
    sentence = (
        f"The rivals' mean likelihood is e^{end:.2f} times this model's (largest on the way e^{peak:.2f}); refuting "
        f"takes e^{-math.log(level):.2f}."
    )
    if not is_robust(peak, without, level):
        sentence += without_strongest(evidence.strongest, without)
    return sentence


def _logs(evidence: LikelihoodRatio) -> tuple[float, float, float]:
    """Logarithms of the ratio: at its peak, at the end, and at the peak without the strongest token."""
    peak = log_of(evidence.peak) if evidence.peak else 0.0
    end = log_of(evidence.end) if evidence.end else 0.0
    return peak, end, -math.inf if evidence.without is None else evidence.without


def _totals(scores: TokenScores, place: int) -> Ratio:
    """The log-likelihoods (nats) of the rivals and of the null, summed from the first token to the one at `place`."""
    assert scores.rivals is not None
    above = np.cumsum(scores.rivals.astype(np.float64), axis=0)[place]
    return Ratio(rivals=tuple(map(finite, above)), null=finite(np.cumsum(null_logprob(scores))[place]))


def log_of(ratio: Ratio) -> float:
    """Logarithm of the mean of the rivals' likelihoods over the null's; 0 without rivals."""
    if not ratio.rivals:
        return 0.0
    rivals = [-math.inf if rival is None else rival for rival in ratio.rivals]
    return float(likelihood_ratio.log_ratio([rivals], [[-math.inf if ratio.null is None else ratio.null]])[-1])


def least(against: Sequence[Against]) -> float:
    """Log e-value against "one of these wrote it": the smallest over them and their settings."""
    return min(log_of(ratio) for candidate in against for ratio in candidate.settings)


rule = candidate_rule(
    _reason,
    code="AUD204",
    name="likelihood-ratio",
    title="Likelihood ratio against the rivals",
    question="Do the named rivals predict the text better than this model does?",
    unit="nats (log e-value)",
    method="Mean of the rivals' likelihoods over the null's: a martingale under the null (Ville's inequality); unknown "
    "settings by mixture over the rivals' and maximum over the null's (universal inference, Wasserman et al. 2020)",
    statistic=log_e,
    measure=measure,
    outcome=outcome,
    needs_rivals=True,
)
