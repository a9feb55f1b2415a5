"""The detector of the log-likelihood log-rank ratio."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.statistic import statistic_rule
from llm_audit.scoring.tokens import TokenScores


def lrr(scores: TokenScores) -> float:
    """-(mean log p) / (mean ln rank). Higher is more machine-like.

    Su et al., "DetectLLM" (Findings of EMNLP 2023), eq. 1. Where every token has rank 1 the published ratio divides by
    zero; here the mean log-rank is at least that of a single token of rank 2.
    """
    surprisal = -np.mean(scores.logprob, dtype=np.float64)
    log_rank = np.mean(np.log(scores.rank), dtype=np.float64)
    return float(surprisal / max(log_rank, np.log(2) / len(scores)))


rule = statistic_rule(
    lrr,
    code="AUD104",
    name="lrr",
    title="Log-likelihood log-rank ratio",
    unit="ratio",
    method="LRR (Su et al. 2023); the log-rank is bounded away from zero",
)
