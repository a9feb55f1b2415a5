"""The detector of the README, as somebody else's package would ship it."""

import numpy as np

from llm_audit.detectors import Detector

detector = Detector(
    rule="AUD199",
    name="surprise",
    title="Mean surprisal",
    unit="nats per token, negated",
    method="ours",
    statistic=lambda scores: float(np.mean(scores.logprob)),
)
