"""AUD201: log-perplexity against entropy, the concentration test. Approximate where it decides, vacuous where it is exact."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.attribution.support import inside
from llm_audit.detectors.base import Detector, Evidence, Terms
from llm_audit.results.evidence import MartingaleZ
from llm_audit.scoring.tokens import TokenScores
from llm_audit.stats import concentration


def absolute_gap(scores: TokenScores) -> float:
    """|log-perplexity - mean entropy| of the tokens that the setting does not exclude, nats per token."""
    kept = inside(scores)
    return abs(concentration.gap(scores.logprob[kept], scores.entropy[kept])) if kept.any() else 0.0


def evidence(scores: TokenScores, terms: Terms) -> Evidence:
    """The martingale z with its normal p-value, and beside it the finite-sample certificate of statistics with no floor."""
    kept = inside(scores)
    if not kept.any():
        nothing = MartingaleZ(tokens=0, deviation=0.0, variance=0.0)
        reason = "Every token is impossible under these settings; there is no gap to measure."
        return Evidence(0.0, 1.0, None, reason, stored=nothing)
    logprob, entropy, varentropy = (
        column[kept].astype(np.float64) for column in (scores.logprob, scores.entropy, scores.varentropy)
    )
    gap, n = concentration.gap(logprob, entropy), int(kept.sum())
    z = concentration.martingale_z(logprob, entropy, varentropy)
    certificate = concentration.certificate(gap, n, terms.vocabulary)
    side = "above" if gap > 0 else "below"
    sentence = (
        f"Surprisal lies {abs(gap):.3f} nats per token {side} entropy: z = {z.z:.2f}, p = {z.p_value:.2g} by an approximation "
        f"that is not to be trusted below .01. "
    )
    if abs(gap) > 0:
        needed = concentration.certificate_length(gap, terms.vocabulary, terms.alpha)
        by_z = concentration.z_length(gap, float(varentropy.mean()), terms.alpha)
        worth = "vacuous" if certificate >= 0.5 else "weak" if certificate > terms.alpha else "decisive"
        sentence += (
            f"The certificate that holds at every length gives p <= {certificate:.2g} after {n:,} tokens ({worth}): a gap of "
            f"this size needs {_tokens(needed)} for alpha {terms.alpha:g}, and {_tokens(by_z)} by z at the observed variance. "
        )
    sentence += "Neither sees a writer whose cross-entropy under this model equals the model's own entropy."
    deviation = float(-logprob.sum() - entropy.sum())
    stored = MartingaleZ(tokens=n, deviation=deviation, variance=float(varentropy.sum()))
    return Evidence(deviation / n, z.p_value, None, sentence, stored=stored)


def _tokens(n: int) -> str:
    return f"{n:,} tokens" if n <= 1_000_000 else "over a million tokens"


detector = Detector(
    rule="AUD201",
    name="gap",
    title="Surprisal against entropy",
    unit="nats per token",
    method="Radvand et al. 2025 (arXiv 2501.02406), standardised as a martingale; approximate, no verdict rests on it",
    statistic=absolute_gap,
    null="model",
    exact=evidence,
    approximate=True,
)
