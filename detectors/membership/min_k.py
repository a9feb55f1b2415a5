"""The scores Min-K% and Min-K%++, from the least likely tokens: members have few outliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_audit.detectors.membership.base import MEANING, MembershipScore
from llm_audit.scoring.tokens import TokenScores

SHARE = 0.2
"""Share of least likely tokens (k), as in both papers' main tables."""

SMALLEST_DEVIATION = 1e-4
"""Smallest sigma, in nats: where the model is nearly certain, sigma -> 0 would magnify the float32 error of l - mu."""


def mean_of_lowest(values: ArrayLike, share: float = SHARE) -> float:
    """Mean of the max(1, int(n * share)) lowest of (n,) values, n >= 1. Without the 1, a short text would have no score."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return float(ordered[: max(1, int(len(ordered) * share))].mean())


def min_k_probability(scores: TokenScores) -> float:
    """Min-K%: mean log-probability of the 20 % least likely tokens, nats per token; higher = more member-like.

    Source: Shi, Ajith, Xia, Huang, Liu, Blevins, Chen & Zettlemoyer, "Detecting Pretraining Data from Large Language Models"
    (ICLR 2024, arXiv 2310.16789). Where we differ: at least one token, however short the text.
    """
    return mean_of_lowest(scores.logprob)


def standardised(scores: TokenScores) -> NDArray[np.float64]:
    """(n,) z = (l - mu) / sigma: deviation of each log-probability from its expectation, in its own standard deviations.

    mu = sum p log p and sigma^2 = sum p (log p)^2 - mu^2 over the model's own distribution p, that is, minus the entropy and
    the varentropy. Not the plain mean over the vocabulary, as one other tool has it.
    """
    logprob, entropy, varentropy = (column.astype(np.float64) for column in (scores.logprob, scores.entropy, scores.varentropy))
    sigma = np.sqrt(np.maximum(varentropy, 0.0))
    standard: NDArray[np.float64] = (logprob + entropy) / np.maximum(sigma, SMALLEST_DEVIATION)
    return standard


def min_k_plus_plus_score(scores: TokenScores) -> float:
    """Min-K%++: mean of the 20 % lowest z, in standard deviations; higher = more member-like.

    Source: Zhang, Sun, Yeats, Ouyang, Kuo, Zhang, Yang & Li, "Min-K%++: Improved Baseline for Detecting Pre-Training Data from
    Large Language Models" (ICLR 2025, arXiv 2404.02936). Where we differ: sigma is at least `SMALLEST_DEVIATION`; at least one
    token.
    """
    return mean_of_lowest(standardised(scores))


LISTED = ("MembershipMinK", "Membership scores (Min-K%)", MEANING)

min_k = MembershipScore(
    code="AUD302",
    name="min-k",
    title="Least likely tokens (Min-K%)",
    unit="nats per token",
    listed=LISTED,
    method="Shi et al. 2024 (arXiv 2310.16789), k = 20 %, at least one token",
    statistic=lambda passes: min_k_probability(passes.scores),
)

min_k_plus_plus = MembershipScore(
    code="AUD302",
    name="min-k-plus-plus",
    title="Least likely tokens, standardised (Min-K%++)",
    unit="standard deviations",
    listed=LISTED,
    method="Zhang et al. 2025 (arXiv 2404.02936), k = 20 %, at least one token; sigma at least 1e-4 nats",
    statistic=lambda passes: min_k_plus_plus_score(passes.scores),
)
