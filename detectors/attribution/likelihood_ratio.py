"""AUD204: the likelihood of the named rivals against this model's, an e-value against this model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.attribution.support import finite, null_logprob
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.results.evidence import LikelihoodRatio, Ratio
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import likelihood_ratio


def path(scores: TokenScores) -> NDArray[np.float64]:
    """(n,) log of the mean of the rivals' likelihoods over this model's, after each token; zero without rivals."""
    if scores.rivals is None or scores.rivals.shape[1] == 0:
        return np.zeros(len(scores))
    return likelihood_ratio.log_ratio(scores.rivals.astype(np.float64), null_logprob(scores)[:, None])


def log_e(scores: TokenScores) -> float:
    """Logarithm of the e-value after the last token, within +-700."""
    return float(np.clip(path(scores)[-1], -700.0, 700.0)) if len(scores) else 0.0


def evidence(scores: TokenScores, terms: Terms) -> Evidence:
    """The p-value is 1 over the largest ratio on the way (Ville)."""
    if scores.rivals is None or scores.rivals.shape[1] == 0:
        reason = "No rival was named, or none could be scored; there is nothing to compare with."
        return Evidence(0.0, 1.0, 0.0, reason, stored=LikelihoodRatio(peak=None, end=None, without=0.0))
    along = path(scores)
    final, peak, needed = float(along[-1]), max(float(along.max()), 0.0), -math.log(terms.level)
    steps = np.diff(along[: int(along.argmax()) + 1], prepend=0.0)
    strongest = int(steps.argmax())
    robust = peak < needed or peak - steps[strongest] >= needed
    sentence = (
        f"The rivals' mean likelihood is e^{final:.2f} times this model's (largest on the way e^{peak:.2f}); refuting "
        f"takes e^{needed:.2f}."
    )
    if not robust:
        sentence += (
            f" Without token {strongest + 1} it is e^{peak - steps[strongest]:.2f}: that points to another tokeniser, another "
            "precision or an edit at this place rather than to another writer."
        )
    stored = LikelihoodRatio(
        peak=totals(scores, int(along.argmax())) if peak > 0 else None,
        end=totals(scores, len(along) - 1),
        without=finite(peak - steps[strongest]),
    )
    return Evidence(final, min(1.0, math.exp(-peak)), final, sentence, robust, path=along, stored=stored)


def totals(scores: TokenScores, place: int) -> Ratio:
    """Log-likelihoods up to and with the token at a place."""
    assert scores.rivals is not None
    above = np.cumsum(scores.rivals.astype(np.float64), axis=0)[place]
    return Ratio(rivals=tuple(map(finite, above)), null=finite(np.cumsum(null_logprob(scores))[place]))


detector = Detector(
    rule="AUD204",
    name="likelihood-ratio",
    title="Likelihood ratio against the rivals",
    unit="nats (log e-value)",
    method="Mean of the rivals' likelihoods over the null's: a martingale under the null (Ville's inequality); unknown "
    "settings by mixture over the rivals' and maximum over the null's (universal inference, Wasserman et al. 2020)",
    statistic=log_e,
    null="model",
    exact=evidence,
    needs_rivals=True,
)
