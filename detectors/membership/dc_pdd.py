"""The score DC-PDD: the probability of a token times its rarity in general text, at each token's first occurrence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from llm_audit.detectors.membership.base import MEANING, MembershipScore, Passes, present
from llm_audit.detectors.membership.frequencies import Frequencies
from llm_audit.scoring.tokens import TokenScores

CAP = 0.01
"""The authors' default, fixed before any text is scored."""

VARIANTS = {"a=0.001": 0.001, "a=0.1": 0.1, "a=1": 1.0, "a=10": 10.0, "no cap": np.inf}


def divergences(scores: TokenScores, frequencies: Frequencies) -> NDArray[np.float64]:
    """Divergence alpha = -p log f at the first occurrence of each token among the scored ones: (k,), nats, >= 0, uncapped.

    p is the model's probability of the token there, f its smoothed relative frequency in general text. The first text token
    is scored after the start token, so it counts like the others.
    """
    token, first = np.unique(scores.token_id, return_index=True)
    return -np.exp(scores.logprob[first].astype(np.float64)) * frequencies.log_frequency[token]


def dc_pdd(scores: TokenScores, frequencies: Frequencies, cap: float = CAP) -> float:
    """DC-PDD: mean over first occurrences of min(alpha, cap), nats; higher = more member-like.

    High where the model expects tokens that are rare in general text. At the default cap it is close to "share of the distinct
    tokens with p above a thousandth": the cap binds at p >= .01 / log(1/f), and the frequencies hardly enter. Hence `saturated`
    and the variants.

    Source: Zhang, Zhang, Guo, de Rijke, Fan & Cheng, "Pretraining Data Detection for Large Language Models: A Divergence-based
    Calibration Method" (EMNLP 2024, arXiv 2409.14781): start token, alpha, upper bound (LUP), first occurrences (SFO), mean.
    Where we differ: f is Laplace-smoothed for all tokens, as in the authors' code, not for unseen ones alone, as in the paper;
    the reference corpus is another and is named. Other tools leave out the normalisation of the counts, which rewards common
    tokens instead of rare ones, or count documents instead of tokens.
    """
    return float(np.minimum(divergences(scores, frequencies), cap).mean())


def saturated(scores: TokenScores, frequencies: Frequencies) -> float:
    """Share of the first occurrences that sit at the default cap, in [0, 1]."""
    return float((divergences(scores, frequencies) >= CAP).mean())


def _at(cap: float) -> Callable[[Passes], float]:
    return lambda passes: dc_pdd(passes.scores, present(passes.frequencies, "a frequency table"), cap)


score = MembershipScore(
    code="AUD301",
    name="dc-pdd",
    title="Divergence from token frequency (DC-PDD)",
    unit="nats",
    listed=("MembershipScore", "Membership scores (DC-PDD and others)", MEANING),
    method="Zhang et al. 2024 (arXiv 2409.14781), a = 0.01; Laplace-smoothed frequencies, reference corpus as named",
    statistic=_at(CAP),
    needs=("frequencies",),
    saturation=lambda passes: saturated(passes.scores, present(passes.frequencies, "a frequency table")),
    variants=tuple((name, _at(cap)) for name, cap in VARIANTS.items()),
)
