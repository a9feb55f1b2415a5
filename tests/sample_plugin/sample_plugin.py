"""A detector and a membership score, as somebody else's package would ship them."""

import numpy as np

from llm_audit.detectors import statistic_rule
from llm_audit.detectors.membership.base import MembershipScore


def surprise(scores):
    """Mean log-probability of the tokens."""
    return float(np.mean(scores.logprob))


rule = statistic_rule(
    surprise,
    code="AUD199",
    name="surprise",
    title="Mean surprisal",
    unit="nats per token, negated",
    method="ours",
)

score = MembershipScore(
    code="AUD399",
    name="mean-logprob",
    title="Mean log-probability",
    unit="nats per token",
    method="ours",
    statistic=lambda passes: float(np.mean(passes.scores.logprob)),
)
