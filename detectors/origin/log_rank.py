"""The detector of the mean log-rank."""

from __future__ import annotations

import numpy as np

from llm_audit.detectors.statistic import statistic_rule
from llm_audit.scoring.tokens import TokenScores


def log_rank(scores: TokenScores) -> float:
    """-(mean ln rank), rank 1 being the likeliest token: 0 if every token was the model's first choice.

    Solaiman et al. (2019) and Gehrmann et al., "GLTR" (ACL 2019); Mitchell et al., "DetectGPT" (2023), baseline.
    """
    return float(-np.mean(np.log(scores.rank), dtype=np.float64))


rule = statistic_rule(
    log_rank,
    code="AUD103",
    name="log-rank",
    title="Mean log-rank",
    unit="nats per token, negated",
    method="GLTR (Gehrmann et al. 2019), as the log-rank baseline of DetectGPT (Mitchell et al. 2023)",
)
