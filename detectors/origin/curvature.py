"""The detector of conditional probability curvature, the analytic Fast-DetectGPT statistic."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.statistic import statistic_rule
from llm_audit.scoring.tokens import TokenScores


def curvature(scores: TokenScores) -> float:
    """(mean log p(x) - mean mu) / sqrt(mean sigma^2), with mu, sigma^2 the mean and variance of log p under the reference.

    Bao et al., "Fast-DetectGPT" (ICLR 2024), eq. 6 in its analytic form; with one model mu = -entropy and sigma^2 =
    varentropy. The paper's d grows with sqrt(n); this is d / sqrt(n), so that texts of different length compare.
    """
    cross, spread = scores.cross_entropy, scores.cross_varentropy
    mean = -(scores.entropy if cross is None else cross)
    variance = scores.varentropy if spread is None else spread
    difference = np.mean(scores.logprob - mean, dtype=np.float64)
    return float(difference / np.sqrt(max(np.mean(variance, dtype=np.float64), 1e-12)))


rule = statistic_rule(
    curvature,
    code="AUD101",
    name="curvature",
    title="Probability curvature",
    unit="standard deviations per token",
    method="Fast-DetectGPT, analytic (Bao et al. 2024), divided by the square root of the length",
)
