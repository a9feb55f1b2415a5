"""The detector of log-perplexity over expected log-perplexity, as in Binoculars."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.statistic import statistic_rule
from llm_audit.scoring.tokens import TokenScores


def perplexity_ratio(scores: TokenScores) -> float:
    """-(mean surprisal) / (mean cross-entropy): near -1 for what the model itself would write, lower for surprising text.

    Hans et al., "Spotting LLMs with Binoculars" (ICML 2024), eq. 4, negated so that higher is more machine-like. The
    scoring model is their performer, the reference model their observer; with one model the denominator is its entropy.
    Differs from their code in float32 instead of bfloat16, and in averaging both parts over the same tokens.
    """
    expected = scores.entropy if scores.cross_entropy is None else scores.cross_entropy
    return float(np.mean(scores.logprob, dtype=np.float64) / max(np.mean(expected, dtype=np.float64), 1e-12))


rule = statistic_rule(
    perplexity_ratio,
    code="AUD102",
    name="perplexity-ratio",
    title="Log-perplexity over entropy",
    unit="ratio, negated",
    method="Binoculars (Hans et al. 2024); with one model its entropy stands in for the cross-entropy",
)
